//! The style sheet of the page: colours once as variables, light, dark and paper.

use std::fmt::Write as _;

use crate::chart::{FONT_STACK, Theme, Tone, role_rules};

/// Colours of verdict words: none of them is an arm's. Light, dark.
const VERDICTS: [(&str, &str, &str); 3] = [
    ("good", "#1a7f37", "#3fb950"),
    ("bad", "#b42318", "#ff7b72"),
    ("unsure", "#8a6100", "#d9a514"),
];

/// Window width in px below which the narrow charts are shown: the wide ones need 880 and margins.
const SWITCH_PX: u32 = 940;

/// The style sheet.
pub(crate) fn sheet() -> String {
    let mut css = format!(
        ":root{{{}}}@media screen and (prefers-color-scheme:dark){{:root{{{}}}}}",
        variables(Theme::Light),
        variables(Theme::Dark)
    );
    let _ =
        write!(css, "body{{font:15px/1.5 {FONT_STACK}}}svg.chart text{{font-family:{FONT_STACK}}}");
    css.push_str(&role_rules(|tone| format!("var(--{})", tone.name())));
    css.push_str(BASE);
    let _ = write!(
        css,
        "@media screen and (max-width:{SWITCH_PX}px){{.wide{{display:none}}.narrow{{display:block}}}}"
    );
    css.push_str(PRINT);
    css
}

fn variables(theme: Theme) -> String {
    let mut css = String::new();
    for tone in Tone::all() {
        let _ = write!(css, "--{}:{};", tone.name(), tone.hex(theme));
    }
    for (name, light, dark) in VERDICTS {
        let _ = write!(css, "--{name}:{};", if theme == Theme::Light { light } else { dark });
    }
    css
}

const BASE: &str = "\
*{box-sizing:border-box}\
body{margin:0 auto;padding:20px 16px 60px;max-width:1100px;background:var(--paper);color:var(--ink)}\
h1{font-size:24px;line-height:1.25;margin:8px 0}\
h2{font-size:18px;margin:36px 0 8px}\
.question{font-size:17px;margin:4px 0}\
.user-note{white-space:pre-line;margin:4px 0}\
.facts{color:var(--muted);margin:4px 0 20px}\
.facts span:not(:last-child)::after{content:\" \\b7\"}\
.note,.remedy,.fine{color:var(--muted)}\
.void{color:var(--bad);font-weight:700}\
.chip{display:inline-block;border:1px solid;border-radius:10px;padding:0 9px;font-size:13px;line-height:20px}\
.good{color:var(--good)}.bad{color:var(--bad)}.unsure{color:var(--unsure)}\
.claim{border-left:3px solid var(--axis);padding:2px 0 2px 12px;margin:12px 0}\
.claim p{margin:0;font-size:17px}.claim .id{color:var(--muted)}\
#key td:first-child{white-space:nowrap}\
#caveats ul{padding-left:0;list-style:none}#caveats li{margin:6px 0}\
figure{margin:36px 0;break-inside:avoid}\
svg.chart{display:block;width:100%;height:auto}\
.bold{font-weight:700}\
.wide{max-width:880px}.narrow{display:none;max-width:480px;margin:0 auto}\
details{margin:8px 0}details.parts{margin:2px 0}details.parts ul{margin:4px 0;padding-left:16px}\
summary{color:var(--muted);cursor:pointer;font-size:13px}\
.scroll{overflow-x:auto}\
table{border-collapse:collapse;font-size:13px;line-height:1.4;margin:8px 0;font-variant-numeric:tabular-nums}\
caption{text-align:left;color:var(--muted);padding-bottom:4px}\
th{text-align:left;font-weight:600;border-bottom:1px solid var(--axis);vertical-align:bottom}\
th,td{padding:3px 14px 3px 0}\
td{border-bottom:1px solid var(--grid);vertical-align:top}\
tr:not(.first)+.first td{border-top:1px solid var(--axis)}\
tr:not(.first) td:first-child{color:var(--muted)}\
.r{text-align:right;white-space:nowrap}\
#reading dt{font-weight:600;margin-top:8px}#reading dd{margin:0;max-width:75ch}\
pre{overflow-x:auto;background:var(--thin);padding:8px 12px;font-size:13px}\
a{color:var(--a)}\
code{font-size:13px}";

const PRINT: &str = "\
@media print{body{max-width:none;padding:0;font-size:10pt}h2,caption{break-after:avoid}\
details::details-content{content-visibility:visible}.scroll{overflow:visible}tr{break-inside:avoid}}";
