//! Marks: each runtime at each workload of a group, a mark at the median and the interval as whiskers.

use crate::canvas::{
    AXIS, Area, Drawn, GREY, Panel, decades, shade, text_style, text_width, tick, widest,
};
use heist_benches::report::quantity;
use heist_benches::results::{Row, distinct};
use heist_benches::statistics::{Estimate, estimate, per_launch};
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;

const TOP: i32 = 8;
/// The line of a workload's name.
const HEADING: i32 = 22;
/// The line of a runtime.
const LINE: i32 = 18;
/// Half of a mark's side.
const HALF: i32 = 5;
/// What separates two workloads.
const GAP: i32 = 10;
/// The longest figure, to the right of the last mark.
const FIGURE: &str = " 1000000000 bytes";

/// A chart of all the workloads that are measured in one unit.
#[derive(Debug)]
pub(crate) struct Marks {
    unit: String,
    workloads: Vec<(String, Vec<Mark>)>,
}

#[derive(Debug)]
struct Mark {
    runtime: String,
    estimate: Option<Estimate>,
}

impl Marks {
    /// A chart for each unit in the rows of a group.
    pub(crate) fn of(rows: &[Row]) -> Vec<Self> {
        let units = distinct(rows, |row| &row.unit).into_iter();
        let charts = units.map(|unit| {
            let of_unit: Vec<Row> = rows.iter().filter(|r| r.unit == unit).cloned().collect();
            let workloads = distinct(&of_unit, |row| &row.workload).into_iter();
            Self {
                unit: unit.to_owned(),
                workloads: workloads
                    .map(|workload| (workload.to_owned(), marks(&of_unit, workload)))
                    .collect(),
            }
        });
        charts
            .filter(|chart| chart.values().next().is_some())
            .collect()
    }

    fn values(&self) -> impl Iterator<Item = f64> {
        let marks = self.workloads.iter().flat_map(|(_, marks)| marks);
        marks
            .filter_map(|mark| mark.estimate)
            .flat_map(|estimate| [estimate.low, estimate.median, estimate.high])
    }

    /// The width of the names, left of the plane.
    fn names(&self) -> i32 {
        let marks = self.workloads.iter().flat_map(|(_, marks)| marks);
        widest(marks.map(|mark| mark.runtime.as_str())) + 24
    }
}

fn marks(rows: &[Row], workload: &str) -> Vec<Mark> {
    let of_workload: Vec<Row> = rows
        .iter()
        .filter(|row| row.workload == workload)
        .cloned()
        .collect();
    let runtimes = distinct(&of_workload, |row| &row.runtime).into_iter();
    runtimes
        .map(|runtime| {
            let launches = per_launch(&of_workload, workload, runtime);
            let launches: Vec<f64> = launches.into_values().collect();
            Mark {
                runtime: runtime.to_owned(),
                estimate: estimate(&launches),
            }
        })
        .collect()
}

impl Panel for Marks {
    fn height(&self) -> i32 {
        let workloads = self.workloads.iter();
        let heights = workloads.map(|(_, marks)| HEADING + LINE * marks.len() as i32 + GAP);
        TOP + heights.sum::<i32>() + AXIS
    }

    fn draw(&self, on: &Area<'_>) -> Drawn {
        let mut chart = ChartBuilder::on(on)
            .margin_top(TOP)
            .margin_left(self.names())
            .margin_right(text_width(FIGURE))
            .x_label_area_size(AXIS)
            .build_cartesian_2d(decades(self.values()).log_scale(), 0.0..1.0)?;
        chart
            .configure_mesh()
            .disable_y_mesh()
            .disable_y_axis()
            .x_labels(9)
            .axis_style(GREY)
            .bold_line_style(GREY.mix(0.4))
            .light_line_style(GREY.mix(0.15))
            .label_style(text_style(false, HPos::Center))
            .x_label_formatter(&|value| tick(*value, &self.unit))
            .draw()?;
        let plane = chart.plotting_area();
        let (left, mut top) = plane.get_base_pixel();
        let pixels = on.use_screen_coord();
        for (workload, marks) in &self.workloads {
            let at = (left - self.names() + 8, top + HEADING / 2);
            let style = text_style(true, HPos::Left);
            pixels.draw(&Text::new(workload.as_str(), at, style))?;
            top += HEADING;
            for mark in marks {
                let across = |value| plane.map_coordinate(&(value, 0.0)).0;
                mark.draw(&pixels, (left, top + LINE / 2), &self.unit, across)?;
                top += LINE;
            }
            top += GAP;
        }
        Ok(())
    }
}

impl Mark {
    /// Draws a runtime's line: its name to the left of `(left, y)`, its mark, its figure; `across` says how far right a value is.
    fn draw(
        &self,
        pixels: &Area<'_>,
        (left, y): (i32, i32),
        unit: &str,
        across: impl Fn(f64) -> i32,
    ) -> Drawn {
        let style = text_style(self.runtime == "heist", HPos::Right);
        pixels.draw(&Text::new(self.runtime.as_str(), (left - 8, y), style))?;
        let (figure, end) = match self.estimate {
            Some(Estimate { median, low, high }) => {
                // No bar from the left: the axis is logarithmic, and has no zero.
                let x = across(median);
                let corners = [(x - HALF, y - HALF), (x + HALF, y + HALF)];
                pixels.draw(&Rectangle::new(corners, shade(&self.runtime).filled()))?;
                let (low, high) = (across(low), across(high));
                let caps = [y - HALF - 2, y + HALF + 2];
                let whisker = [
                    (low, caps[0]),
                    (low, caps[1]),
                    (low, y),
                    (high, y),
                    (high, caps[0]),
                    (high, caps[1]),
                ];
                pixels.draw(&PathElement::new(whisker, GREY))?;
                (quantity(median, unit), high)
            }
            None => ("not measured".to_owned(), left),
        };
        let style = text_style(false, HPos::Left);
        pixels.draw(&Text::new(figure, (end + 8, y), style))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Marks;
    use crate::canvas::svg;
    use crate::canvas::tests::{assert_well_formed, texts};
    use crate::fixture::row;
    use heist_benches::results::Row;

    /// The largest plot there will be, with a cell that has no value.
    fn many() -> Vec<Row> {
        let mut rows = Vec::new();
        for workload in 0..12 {
            for runtime in 0..10 {
                for launch in 0..3 {
                    let value = 10_f64.powi(runtime) * (1.0 + 0.1 * launch as f64);
                    let value = (workload + runtime > 0).then_some(value);
                    let (workload, runtime) = (format!("w{workload}<&>"), format!("r{runtime}"));
                    rows.push(row("group", &workload, &runtime, 2, launch, value));
                }
            }
        }
        rows
    }

    #[test]
    fn plots_are_well_formed_and_always_the_same() {
        let text = svg(&Marks::of(&many())).unwrap();
        assert_well_formed(&text);
        assert_eq!(svg(&Marks::of(&many())).unwrap(), text);
        assert_eq!(text.matches("<rect").count(), 12 * 10 - 1);
        assert_eq!(text.matches("not measured").count(), 1);
        assert!(text.contains("#767676") && !text.contains("#000000"));
    }

    #[test]
    fn texts_stay_clear_of_each_other_and_of_the_edges() {
        let text = svg(&Marks::of(&many())).unwrap();
        let all = texts(&text);
        for side in ["start", "end", "middle"] {
            let mut of_side: Vec<_> = all.iter().filter(|text| text.2 == side).collect();
            of_side.sort_by_key(|text| (text.1, text.0));
            for pair in of_side.windows(2) {
                let apart = pair[1].1 - pair[0].1 >= 14;
                let beside = pair[1].0 - pair[0].0 >= 40;
                assert!(apart || beside, "{pair:?}");
            }
        }
        for (x, y, side, text) in all {
            let width = 7 * text.chars().count() as i32;
            let (left, right) = match side {
                "start" => (x, x + width),
                "end" => (x - width, x),
                _ => (x - width / 2, x + width / 2),
            };
            assert!(left >= 0 && right <= 860, "{text}");
            assert!(y >= 7, "{text}");
        }
    }

    #[test]
    fn each_unit_has_its_own_axis() {
        let time = row("group", "a", "heist", 2, 0, Some(3.0));
        let mut memory = row("group", "b", "heist", 2, 0, Some(300.0));
        memory.unit = "bytes".to_owned();
        let charts = Marks::of(&[time, memory]);
        assert_eq!(charts.len(), 2);
        let text = svg(&charts).unwrap();
        assert!(text.contains("100 bytes") && text.contains("1 ns"));
    }

    #[test]
    fn without_any_value_there_is_no_plot() {
        assert!(Marks::of(&[row("group", "a", "heist", 2, 0, None)]).is_empty());
    }
}
