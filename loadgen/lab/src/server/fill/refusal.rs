//! The remedy for a server that refuses the fill, by its error.
//!
//! Not the filling. Where next: `mod.rs`.

/// What an ACL user needs in order to fill a server, as rules of `ACL SETUSER`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Needs {
    /// Commands, such as `+mset +set`.
    pub commands: String,
    /// Key patterns, such as `~key:*`.
    pub keys: String,
}

/// The remedy for an error of the server, given its text (its first word is enough).
#[must_use]
pub fn remedy(error: &str, needs: &Needs) -> String {
    let Needs { commands, keys } = needs;
    match error.split(' ').next().unwrap_or_default() {
        "OOM" => "give it more memory (maxmemory), or ask for fewer keys".to_owned(),
        "NOPERM" if error.contains("keys") => {
            format!(
                "allow the user these keys (ACL SETUSER NAME {keys}), or log in as another (--user)"
            )
        }
        "NOPERM" => format!(
            "allow the user to fill it (ACL SETUSER NAME {commands} {keys}), or log in as another (--user)"
        ),
        "NOAUTH" => "log in as a user who may do that (-a, --user)".to_owned(),
        "READONLY" => "fill the primary: this server is a replica".to_owned(),
        "MISCONF" => "it cannot save its data to disk: look at its log".to_owned(),
        "LOADING" | "BUSY" | "MASTERDOWN" | "CLUSTERDOWN" | "TRYAGAIN" => {
            "bring the server into a state in which it answers".to_owned()
        }
        "MOVED" | "ASK" | "CROSSSLOT" => "it is a cluster: fill it as one (--cluster)".to_owned(),
        _ => "look at the server's log, or leave out --prefill".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Needs, remedy};

    #[test]
    fn memory_is_the_remedy_for_want_of_memory_alone() {
        let check = |error: &str, part: &str| {
            let needs = Needs { commands: "+mset +set".to_owned(), keys: "~key:*".to_owned() };
            let remedy = remedy(error, &needs);
            assert!(remedy.contains(part), "{error}: {remedy}");
            assert_eq!(remedy.contains("memory"), error.starts_with("OOM"), "{error}: {remedy}");
        };
        check("OOM command not allowed when used memory > 'maxmemory'.", "maxmemory");
        check("NOPERM this user has no permissions to run the 'mset' command", "+mset");
        check(
            "NOPERM this user has no permissions to access one of the keys used as arguments",
            "~key:*",
        );
        check("NOPERM", "+mset");
        check("READONLY You can't write against a read only replica.", "primary");
        check(
            "MISCONF Redis is configured to save RDB snapshots, but it's unable to persist",
            "log",
        );
        check("LOADING Redis is loading the dataset in memory", "state");
        check("ERR unknown", "--prefill");
    }
}
