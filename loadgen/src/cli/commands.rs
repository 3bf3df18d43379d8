//! What each run of `loadgen run` sends: from a command, a file, a ratio, a YCSB letter or redis-benchmark's tests.
//!
//! Not when (see `resolve`). Invariant: within one run no two commands have the same label, so that each has its own row.

use crate::cli::run::RunArgs;
use crate::compat::benchmark_tests::{Test, parse_list};
use aelab_engine::error::Failure;
use aelab_engine::plan::CommandPlan;
use aelab_engine::workload::command_text::{
    command_from_words, distinguish, parse_command, parse_command_file,
};
use aelab_results::text::escape::escaped;
use aelab_results::text::secret;
use std::os::unix::ffi::OsStringExt as _;
use std::path::Path;

/// What is run when nothing is named: keys are there when GET looks for them.
const DEFAULT_TESTS: &str = "set,get";

/// A run's title and commands.
pub(super) type Mix = (String, Vec<CommandPlan>);

impl RunArgs {
    /// What each run sends, with its title.
    pub(super) fn mixes(&self) -> Result<Vec<Mix>, Failure> {
        let mut mixes = self.mixes_as_named()?;
        for (_, commands) in &mut mixes {
            distinguish(commands);
        }
        Ok(mixes)
    }

    /// How redis-benchmark's forms name the one command of a run: as it was typed, without passwords. `None` for a test of a
    /// list, which has a title.
    #[must_use]
    pub fn typed_name(&self) -> Option<String> {
        let words = match (self.command.as_slice(), self.load.templates.as_slice()) {
            ([], [template]) => template.split(' ').map(str::to_owned).collect(),
            ([], _) => return None,
            (words, _) => words.iter().map(|word| plain(&word.to_string_lossy())).collect(),
        };
        let words: Vec<String> = words;
        Some(escaped(&secret::command_words(&words).join(" ")).into_owned())
    }

    fn mixes_as_named(&self) -> Result<Vec<Mix>, Failure> {
        let load = &self.load;
        let usage = |why: String| Failure::usage(why);
        if !self.command.is_empty() {
            let words = self.command.iter().map(|word| word.clone().into_vec()).collect();
            let command = command_from_words(words, 1).map_err(usage)?;
            return Ok(vec![(command.label.clone(), vec![command])]);
        }
        if let Some(file) = &load.command_file {
            let commands = read_commands(file)?;
            return Ok(vec![(file.display().to_string(), commands)]);
        }
        if !load.templates.is_empty() {
            return Ok(vec![self.templates()?]);
        }
        if let Some((set, get)) = load.ratio {
            let pair = [("SET __key__ __data__", set), ("GET __key__", get)];
            let commands = pair
                .into_iter()
                .filter(|(_, weight)| *weight > 0)
                .map(|(template, weight)| parse_command(template, weight))
                .collect::<Result<Vec<_>, _>>()
                .map_err(usage)?;
            return Ok(vec![(format!("SET:GET {set}:{get}"), commands)]);
        }
        if let Some(ycsb) = load.ycsb {
            let commands = ycsb.commands(load.key_count(), self.target.home()).map_err(usage)?;
            return Ok(vec![(format!("YCSB {ycsb:?}"), commands)]);
        }
        let tests = parse_list(load.tests.as_deref().unwrap_or(DEFAULT_TESTS)).map_err(usage)?;
        tests
            .iter()
            .map(|test| Ok((test.title.to_owned(), vec![benchmark(test, self.target.cluster)?])))
            .collect()
    }

    /// The commands of `--command` and their weights.
    fn templates(&self) -> Result<Mix, Failure> {
        let load = &self.load;
        let weights = &load.command_ratio;
        if !weights.is_empty() && weights.len() != load.templates.len() {
            return Err(Failure::usage(format!(
                "{} --command-ratio for {} --command; give one for each",
                weights.len(),
                load.templates.len()
            )));
        }
        let weight = |index: usize| weights.get(index).copied().unwrap_or(1);
        let commands = load
            .templates
            .iter()
            .enumerate()
            .map(|(index, template)| parse_command(template, weight(index)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(Failure::usage)?;
        let title = commands.iter().map(|c| c.label.as_str()).collect::<Vec<_>>().join("+");
        Ok((title, commands))
    }
}

/// A word without the backslashes that say that a brace or a semicolon is text.
fn plain(word: &str) -> String {
    if word == "\\;" { ";".to_owned() } else { word.replace("\\{", "{") }
}

fn read_commands(file: &Path) -> Result<Vec<CommandPlan>, Failure> {
    let failed = |why: String| Failure::usage(format!("--command-file {}: {why}", file.display()));
    let text = aelab_engine::files::read_text(file).map_err(|error| failed(error.to_string()))?;
    parse_command_file(&text).map_err(failed)
}

fn benchmark(test: &Test, is_cluster: bool) -> Result<CommandPlan, Failure> {
    let template = if is_cluster { test.in_cluster() } else { test.template.to_owned() };
    let command = parse_command(&template, 1).map_err(Failure::usage)?;
    Ok(CommandPlan { framing: test.framing, ..command })
}
