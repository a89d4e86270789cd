//! Text put between the markers of a document.

use std::ops::Range;

/// The line after which the text stands.
pub(crate) const BEGIN: &str = "<!-- results:begin -->";
/// The line before which it ends.
pub(crate) const END: &str = "<!-- results:end -->";

/// The document with `text` between its markers. All else stays as it is.
pub(crate) fn splice(document: &str, text: &str) -> Result<String, String> {
    let begin = marker_line(document, BEGIN)?;
    let end = marker_line(document, END)?;
    if end.start < begin.end {
        return Err(format!("the line {END} stands before {BEGIN}"));
    }
    Ok([&document[..begin.end], text, &document[end.start..]].concat())
}

/// Where the only line is that holds this marker and nothing else.
fn marker_line(document: &str, marker: &str) -> Result<Range<usize>, String> {
    let mut found = Vec::new();
    let mut start = 0;
    for line in document.split_inclusive('\n') {
        let end = start + line.len();
        if line.trim_end() == marker {
            found.push(start..end);
        }
        start = end;
    }
    match found.as_slice() {
        [line] => Ok(line.clone()),
        [] => Err(format!("the line {marker} is missing")),
        lines => Err(format!("the line {marker} is there {} times", lines.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::{BEGIN, END, splice};

    #[test]
    fn what_is_outside_the_markers_stays() {
        let before = format!("# Title \t\r\n\n`{BEGIN}` in a sentence\n{BEGIN}\r\n");
        let after = format!("{END}  \nno newline at the end");
        let document = [&before, "old\nlines\n", &after].concat();
        let spliced = splice(&document, "new\n").unwrap();
        assert_eq!(spliced, [&before, "new\n", &after].concat());
        assert_eq!(splice(&spliced, "new\n").unwrap(), spliced);
    }

    #[test]
    fn nothing_between_the_markers_is_fine() {
        let document = format!("{BEGIN}\n{END}");
        assert_eq!(
            splice(&document, "new\n").unwrap(),
            format!("{BEGIN}\nnew\n{END}")
        );
    }

    #[test]
    fn missing_doubled_and_swapped_markers_are_errors() {
        let error = |document: String| splice(&document, "new\n").unwrap_err();
        let missing = error(format!("{BEGIN}\ntext\n"));
        assert!(missing.contains(END) && missing.contains("missing"));
        let missing = error(format!("text {BEGIN}\n{END}\n"));
        assert!(missing.contains(BEGIN) && missing.contains("missing"));
        let doubled = error(format!("{BEGIN}\n{BEGIN}\n{END}\n"));
        assert!(doubled.contains(BEGIN) && doubled.contains("2 times"));
        let doubled = error(format!("{BEGIN}\n{END}\n\n{END}\n"));
        assert!(doubled.contains(END) && doubled.contains("2 times"));
        let swapped = error(format!("{END}\n{BEGIN}\n"));
        assert!(swapped.contains("before"));
    }
}
