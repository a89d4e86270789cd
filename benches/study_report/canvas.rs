//! What all plots share: panels under each other in one SVG, on no background, in colours that are told apart on light and dark.

use heist_benches::report::quantity;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::error::Error;
use std::ops::Range;

/// Where a panel is drawn.
pub(crate) type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
/// What drawing gives back.
pub(crate) type Drawn = Result<(), Box<dyn Error>>;

const WIDTH: u32 = 860;
/// What belongs to an axis, below the plot.
pub(crate) const AXIS: i32 = 36;
/// Of text and axes: half way between black and white.
pub(crate) const GREY: RGBColor = RGBColor(0x76, 0x76, 0x76);

/// Mostly of the palette of Okabe and Ito, which colour-blind readers can tell apart.
const COLOURS: [(&str, RGBColor); 8] = [
    ("heist", RGBColor(0xD5, 0x5E, 0x00)),
    ("tokio", RGBColor(0x00, 0x72, 0xB2)),
    ("smol", RGBColor(0x00, 0x9E, 0x73)),
    ("floor", RGBColor(0x99, 0x99, 0x99)),
    ("rayon", RGBColor(0xCC, 0x79, 0xA7)),
    ("go", RGBColor(0x56, 0xB4, 0xE9)),
    ("asyncio", RGBColor(0xE6, 0x9F, 0x00)),
    ("uvloop", RGBColor(0x99, 0x99, 0x33)),
];
const OTHER: RGBColor = RGBColor(0x9A, 0x6F, 0xC8);

/// One of the charts of a plot.
pub(crate) trait Panel {
    /// In pixels.
    fn height(&self) -> i32;
    fn draw(&self, on: &Area<'_>) -> Drawn;
}

/// The panels under each other, as SVG. The same panels always give the same text.
pub(crate) fn svg(panels: &[impl Panel]) -> Result<String, Box<dyn Error>> {
    let mut text = String::new();
    let height: i32 = panels.iter().map(Panel::height).sum();
    let whole =
        SVGBackend::with_string(&mut text, (WIDTH, height.unsigned_abs())).into_drawing_area();
    let mut top = 0;
    for panel in panels {
        let area = whole
            .clone()
            .shrink((0, top), (WIDTH as i32, panel.height()));
        panel.draw(&area)?;
        top += panel.height();
    }
    whole.present()?;
    drop(whole);
    Ok(text)
}

/// `tokio_join_set` is a variant of `tokio`.
fn family(runtime: &str) -> &str {
    runtime
        .split_once('_')
        .map_or(runtime, |(family, _)| family)
}

/// The colour that a runtime shares with its variants.
pub(crate) fn colour(runtime: &str) -> RGBColor {
    let known = COLOURS.iter().find(|(name, _)| *name == family(runtime));
    known.map_or(OTHER, |(_, colour)| *colour)
}

/// Variants are paler: nearer to white, also where that makes them brighter.
pub(crate) fn shade(runtime: &str) -> RGBColor {
    let whole = colour(runtime);
    if family(runtime) == runtime {
        return whole;
    }
    let pale = |part: u8| part + (u8::MAX - part) / 5 * 2;
    RGBColor(pale(whole.0), pale(whole.1), pale(whole.2))
}

/// Text of 12 pixels, centred on its line. Bold is for headings, and for heist.
pub(crate) fn text_style(bold: bool, side: HPos) -> TextStyle<'static> {
    let weight = if bold {
        FontStyle::Bold
    } else {
        FontStyle::Normal
    };
    // The SVG backend divides sizes by 1.24.
    TextStyle::from(("sans-serif", 12.0 * 1.24, weight).into_font())
        .color(&GREY)
        .pos(Pos::new(side, VPos::Center))
}

/// How many pixels a text takes at most: without a font that can only be estimated.
pub(crate) fn text_width(text: &str) -> i32 {
    8 * i32::try_from(text.chars().count()).unwrap_or(i32::MAX / 8)
}

/// The widest of some texts.
pub(crate) fn widest<'t>(texts: impl Iterator<Item = &'t str>) -> i32 {
    texts.map(text_width).max().unwrap_or(0)
}

/// Whole decades around values, so that even the smallest is some way from the low end. A logarithm has no place for zero.
pub(crate) fn decades(values: impl Iterator<Item = f64>) -> Range<f64> {
    let positive = values.filter(|value| *value > 0.0);
    let (low, high) = positive.fold((f64::INFINITY, 0.0_f64), |(low, high), value| {
        (low.min(value), high.max(value))
    });
    if high == 0.0 {
        return 1.0..10.0;
    }
    let low = 10_f64.powf((low / 2.0).log10().floor());
    let high = 10_f64.powf(high.log10().ceil());
    // Rounding must not cost the outermost ticks.
    low / 1.001..high * 1.001
}

/// A power of ten, for an axis.
pub(crate) fn tick(value: f64, unit: &str) -> String {
    let text = quantity(value, unit);
    match text.split_once(' ') {
        Some((number, unit)) if number.contains('.') => {
            let number = number.trim_end_matches('0').trim_end_matches('.');
            format!("{number} {unit}")
        }
        _ => text,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::{colour, decades, shade, tick};
    use heist_benches::results::NANOSECONDS;

    /// Checks that tags are closed in order, attributes quoted, and special characters escaped.
    pub(crate) fn assert_well_formed(svg: &str) {
        let mut open = Vec::new();
        let mut rest = svg;
        while let Some((text, tagged)) = rest.split_once('<') {
            assert!(!text.contains('>'), "{text}");
            for escaped in text.split('&').skip(1) {
                let names = ["lt;", "gt;", "amp;", "quot;", "apos;"];
                assert!(names.iter().any(|name| escaped.starts_with(name)), "{text}");
            }
            let (tag, after) = tagged.split_once('>').expect("tags end");
            assert!(tag.matches('"').count() % 2 == 0, "{tag}");
            let name = tag.trim_matches('/').split(' ').next().unwrap();
            match (tag.starts_with('/'), tag.ends_with('/')) {
                (true, _) => assert_eq!(open.pop(), Some(name)),
                (false, true) => assert!(!open.is_empty(), "{tag}"),
                (false, false) => open.push(name),
            }
            rest = after;
        }
        assert!(svg.starts_with("<svg ") && open.is_empty(), "{open:?}");
    }

    /// The texts of a plot: x, y, anchor, text.
    pub(crate) fn texts(svg: &str) -> Vec<(i32, i32, &str, &str)> {
        let elements = svg.split("<text").skip(1);
        let texts = elements.map(|element| {
            let (tag, rest) = element.split_once('>').unwrap();
            let value = |name| {
                let start = format!(" {name}=\"");
                let (_, value) = tag.split_once(start.as_str()).unwrap();
                value.split_once('"').unwrap().0
            };
            (
                value("x").parse().unwrap(),
                value("y").parse().unwrap(),
                value("text-anchor"),
                rest.split_once('<').unwrap().0.trim(),
            )
        });
        texts.collect()
    }

    #[test]
    fn variants_are_paler_and_strangers_have_a_colour() {
        assert_eq!(colour("tokio"), colour("tokio_join_set"));
        assert_ne!(shade("tokio"), shade("tokio_join_set"));
        assert_ne!(colour("heist"), colour("tokio"));
        assert_eq!(colour("compio"), colour("glommio"));
    }

    #[test]
    fn axes_are_whole_decades_and_leave_room_for_the_smallest() {
        for (values, low, high) in [
            (vec![15.0, 88.0], 1.0, 100.0),
            (vec![1_000.0], 100.0, 1_000.0),
            (vec![0.0, 0.03], 0.01, 0.1),
            (vec![0.0], 1.0, 10.0),
            (vec![], 1.0, 10.0),
        ] {
            let range = decades(values.into_iter());
            assert!((range.start / low - 1.0).abs() < 0.002, "{range:?}");
            assert!((range.end / high - 1.0).abs() < 0.002, "{range:?}");
        }
    }

    #[test]
    fn ticks_have_no_trailing_zeros() {
        let text = |value| tick(value, NANOSECONDS);
        assert_eq!(text(0.1), "0.1 ns");
        assert_eq!(text(10.0), "10 ns");
        assert_eq!(text(100.0), "100 ns");
        assert_eq!(text(1e3), "1 µs");
        assert_eq!(text(1e7), "10 ms");
        assert_eq!(tick(1e4, "bytes"), "10000 bytes");
    }
}
