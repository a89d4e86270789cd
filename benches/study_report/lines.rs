//! Lines: how the figures of the runtimes change over a number, both on logarithmic axes.

use crate::canvas::{
    AXIS, Area, Drawn, GREY, Panel, colour, decades, shade, text_style, text_width, tick, widest,
};
use heist_benches::statistics::Estimate;
use plotters::prelude::*;
use plotters::style::text_anchor::HPos;
use std::collections::BTreeSet;

/// The line of the title.
const TITLE: i32 = 32;
const PLOT: i32 = 240;
/// The line of a runtime in the legend.
const NAME: i32 = 18;
/// The longest figure on the axis.
const FIGURE: &str = "1000000 bytes";

/// A chart of one workload, or kind of workload.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) title: String,
    /// What the number is.
    pub(crate) over: &'static str,
    pub(crate) unit: String,
    pub(crate) lines: Vec<Line>,
}

/// The figures of a runtime.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) runtime: String,
    /// By ascending number.
    pub(crate) points: Vec<(u64, Estimate)>,
}

impl Lines {
    /// Whether any line has two ends.
    pub(crate) fn lead_somewhere(&self) -> bool {
        self.lines.iter().any(|line| line.points.len() > 1)
    }

    fn points(&self) -> impl Iterator<Item = &(u64, Estimate)> {
        self.lines.iter().flat_map(|line| &line.points)
    }

    /// The width of the legend, right of the plot.
    fn legend(&self) -> i32 {
        widest(self.lines.iter().map(|line| line.runtime.as_str())) + 56
    }

    fn plot_height(&self) -> i32 {
        PLOT.max(NAME * self.lines.len() as i32)
    }

    /// How many lines of the same colour come before this one. It tells variants apart by their marks.
    fn variant(&self, number: usize) -> usize {
        let of = |line: &Line| colour(&line.runtime);
        let before = self.lines[..number].iter();
        before
            .filter(|line| of(line) == of(&self.lines[number]))
            .count()
    }

    /// The horizontal axis, with its labels where the points are. `across` says how far right a number is.
    fn draw_axis(
        &self,
        pixels: &Area<'_>,
        numbers: &BTreeSet<u64>,
        (left, right, y): (i32, i32, i32),
        across: impl Fn(u64) -> i32,
    ) -> Drawn {
        pixels.draw(&PathElement::new([(left, y), (right, y)], GREY))?;
        let mut free = 0;
        for &number in numbers {
            let x = across(number);
            pixels.draw(&PathElement::new([(x, y), (x, y + 5)], GREY))?;
            let text = number.to_string();
            let half = text_width(&text) / 2;
            if x - half >= free {
                let style = text_style(false, HPos::Center);
                pixels.draw(&Text::new(text, (x, y + 16), style))?;
                free = x + half;
            }
        }
        let style = text_style(false, HPos::Left);
        let name = (right + 16).max(free + 8);
        pixels.draw(&Text::new(self.over, (name, y + 16), style))?;
        Ok(())
    }

    /// A line, and its line of the legend, which begins at `legend`.
    fn draw_line(
        &self,
        pixels: &Area<'_>,
        number: usize,
        legend: (i32, i32),
        place: impl Fn(u64, f64) -> (i32, i32),
    ) -> Drawn {
        let Line { runtime, points } = &self.lines[number];
        let is_heist = runtime == "heist";
        let style = shade(runtime).stroke_width(if is_heist { 3 } else { 2 });
        let (x, y) = legend;
        let sample = [(x, y), (x + 24, y)];
        let path: Vec<_> = points
            .iter()
            .map(|(at, estimate)| place(*at, estimate.median))
            .collect();
        for (at, Estimate { low, high, .. }) in points {
            let whisker = [place(*at, *low), place(*at, *high)];
            pixels.draw(&PathElement::new(whisker, GREY))?;
        }
        let variant = self.variant(number);
        for at in path.iter().chain([&(x + 12, y)]) {
            draw_mark(pixels, variant, *at, style)?;
        }
        pixels.draw(&PathElement::new(path, style))?;
        pixels.draw(&PathElement::new(sample, style))?;
        let style = text_style(is_heist, HPos::Left);
        pixels.draw(&Text::new(runtime.as_str(), (x + 32, y), style))?;
        Ok(())
    }
}

/// Marks differ between runtimes of the same colour.
fn draw_mark(pixels: &Area<'_>, variant: usize, at: (i32, i32), style: ShapeStyle) -> Drawn {
    match variant % 4 {
        0 => pixels.draw(&Circle::new(at, 4, style.filled()))?,
        1 => pixels.draw(&TriangleMarker::new(at, 6, style.filled()))?,
        2 => pixels.draw(&Cross::new(at, 4, style))?,
        _ => pixels.draw(&Circle::new(at, 5, style))?,
    }
    Ok(())
}

impl Panel for Lines {
    fn height(&self) -> i32 {
        TITLE + self.plot_height() + AXIS
    }

    fn draw(&self, on: &Area<'_>) -> Drawn {
        let numbers: BTreeSet<u64> = self.points().map(|(number, _)| *number).collect();
        let first = numbers.first().map_or(1.0, |number| *number as f64);
        let last = numbers.last().map_or(1.0, |number| *number as f64);
        let values = self.points().flat_map(|(_, e)| [e.low, e.median, e.high]);
        let mut chart = ChartBuilder::on(on)
            .margin_top(TITLE)
            .margin_right(self.legend())
            .margin_bottom(AXIS)
            .y_label_area_size(text_width(FIGURE))
            .build_cartesian_2d(
                (first / 1.3..last * 1.3).log_scale(),
                decades(values).log_scale(),
            )?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .y_labels(9)
            .axis_style(GREY)
            .bold_line_style(GREY.mix(0.4))
            .light_line_style(GREY.mix(0.15))
            .label_style(text_style(false, HPos::Right))
            .y_label_formatter(&|value| tick(*value, &self.unit))
            .draw()?;
        let plane = chart.plotting_area();
        let place = |number: u64, value| plane.map_coordinate(&(number as f64, value));
        let (across, down) = plane.get_pixel_range();
        let pixels = on.use_screen_coord();
        let title = (across.start, down.start - TITLE / 2);
        let style = text_style(true, HPos::Left);
        pixels.draw(&Text::new(self.title.as_str(), title, style))?;
        let ends = (across.start, across.end, down.end);
        self.draw_axis(&pixels, &numbers, ends, |number| place(number, 1.0).0)?;
        // The first runtime, which is heist, is drawn over the others.
        for number in (0..self.lines.len()).rev() {
            let name = down.start + NAME * number as i32 + NAME / 2;
            self.draw_line(&pixels, number, (across.end + 16, name), place)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::canvas::svg;
    use crate::canvas::tests::{assert_well_formed, texts};
    use crate::fixture::rows;
    use crate::scaling::{over_sizes, over_workers};

    #[test]
    fn plots_are_well_formed_and_always_the_same() {
        let rows = rows();
        for of in [over_sizes, over_workers] {
            let text = svg(&of(&rows)).unwrap();
            assert_well_formed(&text);
            assert_eq!(svg(&of(&rows)).unwrap(), text);
        }
    }

    #[test]
    fn the_axis_names_the_numbers_and_the_legend_the_runtimes() {
        let text = svg(&over_workers(&rows())).unwrap();
        let texts: Vec<&str> = texts(&text).into_iter().map(|text| text.3).collect();
        for expected in ["ready_1000", "workers", "1", "2", "4", "heist", "asyncio"] {
            assert!(texts.contains(&expected), "{expected}: {texts:?}");
        }
        assert!(!texts.contains(&"smol"), "smol has no value: {texts:?}");
    }

    #[test]
    fn labels_that_would_overlap_are_left_out() {
        let mut panels = over_sizes(&rows());
        for line in &mut panels[0].lines {
            let (size, estimate) = *line.points.last().unwrap();
            line.points.push((size + 1, estimate));
        }
        let text = svg(&panels).unwrap();
        let texts: Vec<&str> = texts(&text).into_iter().map(|text| text.3).collect();
        assert!(texts.contains(&"100000") && !texts.contains(&"100001"));
    }
}
