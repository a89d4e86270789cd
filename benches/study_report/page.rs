//! What stands between the markers of BENCHMARKS.md, and the plots it shows.

use crate::allocators;
use crate::canvas::{Panel, svg};
use crate::folders::Results;
use crate::introduction::introduction;
use crate::marks::Marks;
use crate::notes::{counted, fewer_launches, other_workers, threads};
use crate::oversubscribed;
use crate::scaling::{over_sizes, over_workers};
use crate::selection::{of_usual_workers, processor_time, usual_workers};
use heist_benches::cells::GROUPS;
use heist_benches::report::{Detail, table};
use heist_benches::results::{Row, distinct};
use std::error::Error;

/// Architectures that are always listed, in this order.
const LISTED: [&str; 2] = ["x86_64", "aarch64"];
const NOT_MEASURED: &str =
    "not measured, run scripts/bench on the machine and commit benches/results/";

/// Groups that have programs of their own, with what they ask.
const BESIDE: [(&str, &str); 2] = [
    (
        "wake_latency",
        "How long does a woken task wait for its poll, by the state of the workers?",
    ),
    (
        "footprint",
        "What does a runtime take while nothing happens, and what is left behind?",
    ),
];

/// The text, and the plots by their paths from the root of the repository.
#[derive(Debug, PartialEq)]
pub(crate) struct Page {
    pub(crate) text: String,
    pub(crate) plots: Vec<(String, String)>,
}

/// All results, with the command that asked for them.
pub(crate) fn page(all: &[Results], command: &str) -> Result<Page, Box<dyn Error>> {
    let mut page = Page {
        text: format!("<!-- made by: {command} -->\n"),
        plots: Vec::new(),
    };
    for architecture in LISTED {
        let measured = all.iter().filter(|r| r.name.architecture == architecture);
        let measured: Vec<&Results> = measured.collect();
        if measured.is_empty() {
            page.text += &format!("\n### {architecture}\n\n{NOT_MEASURED}\n");
        }
        for results in measured {
            page.add(results)?;
        }
    }
    let is_listed = |results: &Results| LISTED.contains(&results.name.architecture.as_str());
    for results in all.iter().filter(|results| !is_listed(results)) {
        page.add(results)?;
    }
    Ok(page)
}

impl Page {
    fn add(&mut self, results: &Results) -> Result<(), Box<dyn Error>> {
        let workers = usual_workers(&results.rows);
        let (rows, oversubscribed) = oversubscribed::apart(results);
        let groups = by_group(&rows);
        self.text += &introduction(results, workers);
        self.text += &left_out(results, &groups);
        for (name, rows) in &groups {
            self.add_group(results, name, rows, workers)?;
        }
        self.add_workers(results, &groups)?;
        self.text += &oversubscribed::section(&oversubscribed, workers);
        self.add_sizes(results, &groups, workers)?;
        if let Some(mimalloc) = &results.mimalloc {
            self.text += &allocators::beside(results, mimalloc, workers);
        }
        Ok(())
    }

    /// A group at the usual number of workers.
    fn add_group(
        &mut self,
        results: &Results,
        name: &str,
        rows: &[Row],
        workers: usize,
    ) -> Result<(), Box<dyn Error>> {
        let rows = &of_usual_workers(rows, workers);
        self.text += &format!("\n#### {name}\n");
        if let Some((_, question)) = questions().find(|(group, _)| *group == name) {
            self.text += &format!("\n{question}\n");
        }
        self.text += &format!("\n{}", table(rows, Detail::Interval));
        self.text += &other_workers(rows, workers);
        self.text += &fewer_launches(results, rows);
        self.text += &threads(rows);
        let alt = format!("{name}: each runtime at each workload, medians and intervals");
        self.add_plot(results, name, &alt, &Marks::of(rows))?;
        let processor = processor_time(rows);
        if !processor.is_empty() {
            let table = table(&processor, Detail::Interval);
            self.text += &format!("\nProcessor time per operation, of all threads:\n\n{table}");
        }
        Ok(())
    }

    fn add_workers(
        &mut self,
        results: &Results,
        groups: &[(&str, Vec<Row>)],
    ) -> Result<(), Box<dyn Error>> {
        let mut heading = "\n#### Scaling over workers\n";
        for (name, rows) in groups {
            let panels = over_workers(rows);
            for panel in &panels {
                let table = workers_table(rows, &panel.title);
                self.text += &format!("{heading}\n{table}");
                heading = "";
            }
            let alt = format!("{name}: each runtime over the number of workers");
            self.add_plot(results, &format!("{name}-workers"), &alt, &panels)?;
        }
        Ok(())
    }

    fn add_sizes(
        &mut self,
        results: &Results,
        groups: &[(&str, Vec<Row>)],
        workers: usize,
    ) -> Result<(), Box<dyn Error>> {
        let mut heading = "\n#### Scaling over N\n";
        for (name, rows) in groups {
            let panels = over_sizes(&of_usual_workers(rows, workers));
            if !panels.is_empty() {
                self.text += heading;
                heading = "";
            }
            let alt = format!("{name}: each runtime over the size of the workload");
            self.add_plot(results, &format!("{name}-sizes"), &alt, &panels)?;
        }
        Ok(())
    }

    /// A plot of the results, unless it has nothing to show.
    fn add_plot(
        &mut self,
        results: &Results,
        file: &str,
        alt: &str,
        panels: &[impl Panel],
    ) -> Result<(), Box<dyn Error>> {
        if !panels.is_empty() {
            let path = format!("{}/plots/{file}.svg", results.folder);
            self.text += &format!("\n![{alt}]({path})\n");
            self.plots.push((path, svg(panels)?));
        }
        Ok(())
    }
}

/// All known groups, in order, and what they ask.
fn questions() -> impl Iterator<Item = (&'static str, &'static str)> {
    let groups = GROUPS.iter().map(|group| (group.name, group.question));
    groups.chain(BESIDE)
}

/// The groups that a run did not measure because only some were asked for. Otherwise it measured all there were at the time.
fn left_out(results: &Results, groups: &[(&str, Vec<Row>)]) -> String {
    let arguments = results.fact("arguments").unwrap_or_default();
    let absent = questions().map(|(name, _)| name);
    let absent = absent.filter(|name| groups.iter().all(|(group, _)| group != name));
    let absent: Vec<&str> = absent.collect();
    if absent.is_empty() || !arguments.contains("--groups") {
        return String::new();
    }
    format!("\nLeft out of this run: {}.\n", absent.join(", "))
}

/// The rows of each group: the known groups in their order, then the others.
pub(crate) fn by_group(rows: &[Row]) -> Vec<(&str, Vec<Row>)> {
    let mut names = distinct(rows, |row| &row.group);
    let place = |name: &str| questions().position(|(group, _)| group == name);
    names.sort_by_key(|name| place(name).unwrap_or(usize::MAX));
    let groups = names.into_iter().map(|name| {
        let rows = rows.iter().filter(|row| row.group == name);
        (name, rows.cloned().collect())
    });
    groups.collect()
}

/// A workload, with a line for each number of workers.
fn workers_table(rows: &[Row], workload: &str) -> String {
    let rows = rows
        .iter()
        .filter(|row| row.workload == workload && row.value.is_some());
    let mut rows: Vec<Row> = rows
        .map(|row| Row {
            group: format!("{}: {workload}", row.group),
            workload: counted(row.workers),
            ..row.clone()
        })
        .collect();
    rows.sort_by_key(|row| row.workers);
    table(&rows, Detail::Interval)
}

#[cfg(test)]
mod tests {
    use super::{NOT_MEASURED, Page, page};
    use crate::canvas::tests::assert_well_formed;
    use crate::fixture::results;
    use crate::folders::Results;

    fn made(architectures: &[&str]) -> Page {
        let all: Vec<Results> = architectures.iter().map(|name| results(name)).collect();
        page(&all, "scripts/report").unwrap()
    }

    /// The part of a text from one phrase to another.
    fn part<'t>(text: &'t str, from: &str, to: &str) -> &'t str {
        let (_, part) = text.split_once(from).unwrap();
        part.split_once(to).map_or(part, |(part, _)| part)
    }

    #[test]
    fn architectures_without_results_are_listed_as_such() {
        let text = made(&["riscv64", "x86_64"]).text;
        let headings: Vec<&str> = text.lines().filter(|l| l.starts_with("### ")).collect();
        assert_eq!(headings, ["### x86_64", "### aarch64", "### riscv64"]);
        assert!(part(&text, "### aarch64", "###").contains(NOT_MEASURED));
        assert_eq!(text.matches(NOT_MEASURED).count(), 1);
    }

    #[test]
    fn the_command_and_the_facts_come_first() {
        let text = made(&["x86_64"]).text;
        assert!(text.starts_with("<!-- made by: scripts/report -->\n"));
        let facts = part(&text, "### x86_64", "####");
        assert!(facts.contains("processor: Imaginary 1; kernel: two lines.\n"));
        assert!(facts.contains("2 workers") && facts.contains("launches of the program (3)"));
    }

    #[test]
    fn groups_have_question_table_plot_and_reasons() {
        let text = made(&["x86_64"]).text;
        let group = part(&text, "#### gather_throughput\n", "\n####");
        assert!(group.contains("What does one task cost"), "{group}");
        assert!(group.contains("heist/tokio |"), "{group}");
        assert!(
            group.contains("42.0 ns ["),
            "the median of the launches: {group}"
        );
        assert!(group.contains("smol/ready_1000: no such thing"), "{group}");
        assert!(group.contains("asyncio: 1 worker\n"), "{group}");
        assert!(group.contains("Processor time"), "{group}");
        assert!(group.contains("84.0 ns ["), "twice the wall time: {group}");
        assert!(
            group.contains("heist 3, tokio 3, floor 3, asyncio 2."),
            "{group}"
        );
        let image = "](benches/results/x86_64-2026-01-31-box/plots/gather_throughput.svg)";
        assert!(group.contains(image), "{group}");
        assert!(text.contains("Left out of this run: fresh_loop,"), "{text}");
    }

    #[test]
    fn scaling_has_tables_over_workers_and_plots_over_both() {
        let text = made(&["x86_64"]).text;
        let workers = part(&text, "#### Scaling over workers\n", "####");
        assert!(
            workers.contains("| gather_throughput: ready_1000 |"),
            "{workers}"
        );
        for line in ["| 1 worker ", "| 2 workers ", "| 4 workers "] {
            assert!(workers.contains(line), "{workers}");
        }
        assert!(!workers.contains("ready_100000"), "only measured with 2");
        assert!(
            workers.contains("/gather_throughput-workers.svg)"),
            "{workers}"
        );
        let sizes = part(&text, "#### Scaling over N\n", "####");
        assert!(sizes.contains("/gather_throughput-sizes.svg)"), "{sizes}");
        assert!(!sizes.contains("spawn_latency"), "{sizes}");
    }

    #[test]
    fn every_image_is_a_plot_and_the_same_rows_give_the_same_page() {
        let page = made(&["x86_64", "aarch64"]);
        assert_eq!(page.text.matches("![").count(), page.plots.len());
        assert_eq!(
            page.plots.len(),
            8,
            "two groups, two kinds of scaling, twice"
        );
        for (path, svg) in &page.plots {
            assert!(page.text.contains(&format!("({path})")), "{path}");
            assert_well_formed(svg);
        }
        assert_eq!(made(&["x86_64", "aarch64"]), page);
    }
}
