//! Checking one directive's value and bringing it into the form that `CONFIG GET` shows.

use super::table::{Directive, Effect, Kind};
use crate::inject::Plan;

/// Checks the words given to `directive`, whose value is `current`, and joins them into its
/// canonical text.
///
/// # Errors
/// Redis's words for what is wrong.
pub(super) fn canonical(
    directive: &Directive,
    words: &[&str],
    current: &str,
    is_command: fn(&str) -> bool,
) -> Result<String, String> {
    match directive.kind {
        Kind::Words => {
            Ok(words.iter().filter(|w| !w.is_empty()).copied().collect::<Vec<_>>().join(" "))
        }
        Kind::OutputLimits => output_limits(words, current),
        Kind::Inject => injection(words, current, is_command),
        _ => match words {
            [word] => one_word(directive.kind, word),
            _ => Err("wrong number of arguments".into()),
        },
    }
}

/// Why a valid value is not supported here, if so.
pub(super) fn refusal(directive: &Directive, text: &str) -> Option<String> {
    match directive.effect {
        Effect::Only(reason) if text != directive.default => {
            Some(format!("{reason}; only '{}' can be given here", directive.default))
        }
        Effect::InertBut(refused, reason) if refused.contains(&text) => {
            Some(format!("{reason}; give '{}'", directive.default))
        }
        _ => None,
    }
}

fn one_word(kind: Kind, word: &str) -> Result<String, String> {
    match kind {
        Kind::Bool => match word.to_ascii_lowercase().as_str() {
            yes_no @ ("yes" | "no") => Ok(yes_no.into()),
            _ => Err("argument must be 'yes' or 'no'".into()),
        },
        Kind::Int(min, max) => {
            let number = word
                .parse()
                .map_err(|_| "argument couldn't be parsed into an integer".to_owned())?;
            within(number, min, max)
        }
        Kind::Bytes(min, max) => {
            let bytes = parse_bytes(word).ok_or("argument must be a memory value")?;
            within(bytes, min, max)
        }
        Kind::BytesOrPercent => match word.strip_suffix('%').map(str::parse::<u8>) {
            Some(Ok(percent)) if percent <= 100 => Ok(word.into()),
            Some(Ok(_)) => Err("percentage argument must be less or equal to 100".into()),
            Some(Err(_)) => Err("argument must be a memory or percent value".into()),
            None => parse_bytes(word)
                .map(|bytes| bytes.to_string())
                .ok_or_else(|| "argument must be a memory or percent value".into()),
        },
        Kind::Octal => match u32::from_str_radix(word, 8) {
            Ok(mode) if mode <= 0o777 => Ok(format!("{mode:o}")),
            _ => Err("argument couldn't be parsed as an octal number".into()),
        },
        Kind::Choice(choices) => {
            let lower = word.to_ascii_lowercase();
            if choices.contains(&lower.as_str()) {
                Ok(lower)
            } else {
                Err(format!("argument(s) must be one of the following: {}", choices.join(", ")))
            }
        }
        Kind::Text | Kind::Words | Kind::OutputLimits | Kind::Inject => Ok(word.into()),
    }
}

fn within(number: i64, min: i64, max: i64) -> Result<String, String> {
    if (min..=max).contains(&number) {
        Ok(number.to_string())
    } else {
        Err(format!("argument must be between {min} and {max} inclusive"))
    }
}

/// `100`, `100b`, `1k` (1000), `1kb` (1024) and so on to `gb`, in any case.
pub(super) fn parse_bytes(word: &str) -> Option<i64> {
    let digits = word.find(|c: char| !c.is_ascii_digit()).unwrap_or(word.len());
    let unit: i64 = match word[digits..].to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" => 1000,
        "kb" => 1024,
        "m" => 1000 * 1000,
        "mb" => 1024 * 1024,
        "g" => 1000 * 1000 * 1000,
        "gb" => 1024 * 1024 * 1024,
        _ => return None,
    };
    word[..digits].parse::<i64>().ok()?.checked_mul(unit)
}

/// `service=…` and `stall=…`, each in place of the one there was; an empty word ends both.
fn injection(
    words: &[&str],
    current: &str,
    is_command: fn(&str) -> bool,
) -> Result<String, String> {
    let mut plan = Plan::of(current);
    for word in words {
        if word.is_empty() {
            plan = Plan::default();
        }
        word.split_whitespace().try_for_each(|part| plan.add(part, is_command))?;
    }
    Ok(plan.to_string())
}

/// One or more groups of `class hard soft seconds`; classes not named keep what `current` has.
fn output_limits(words: &[&str], current: &str) -> Result<String, String> {
    let mut fields: Vec<String> = current.split(' ').map(str::to_owned).collect();
    let split: Vec<&str> = words.iter().flat_map(|word| word.split_whitespace()).collect();
    if split.is_empty() || !split.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for group in split.chunks(4) {
        let class = if group[0].eq_ignore_ascii_case("replica") { "slave" } else { group[0] };
        let at = fields
            .iter()
            .position(|field| field.eq_ignore_ascii_case(class))
            .ok_or("Invalid client class specified in buffer limit configuration.")?;
        let numbers = (parse_bytes(group[1]), parse_bytes(group[2]), group[3].parse::<u32>().ok());
        let (Some(hard), Some(soft), Some(seconds)) = numbers else {
            return Err("Error in hard, soft or soft_seconds setting in buffer limit \
                        configuration."
                .into());
        };
        fields[at + 1] = hard.to_string();
        fields[at + 2] = soft.to_string();
        fields[at + 3] = seconds.to_string();
    }
    Ok(fields.join(" "))
}
