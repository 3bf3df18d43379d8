//! What follows from a change of the settings: everything that keeps a copy of one is informed here.

use super::{Server, flags};
use crate::inject::{Injector, Target};

impl Server {
    /// Informs everything that keeps a copy of a setting.
    pub(crate) fn settings_changed(&mut self) {
        let settings = self.config.settings();
        self.log.set_level(settings.observe.loglevel);
        self.observe.slowlog.set_max_len(settings.observe.slowlog_max_len);
        // A lower limit takes effect even if no command comes.
        self.memory.evictor.unfinished = settings.memory.maxmemory != 0;
        for db in &mut self.dbs {
            db.set_encoding_limits(settings.data.encoding);
            db.set_access_mode(settings.memory.access);
            db.set_expired_free(settings.data.expired_free);
            db.set_replaced_free(settings.data.replaced_free);
        }
        self.update_injector();
    }

    /// Starts or ends injecting, if that was changed, and logs a warning.
    fn update_injector(&mut self) {
        let plan = &self.config.settings().observe.injection;
        let unchanged = match &self.observe.injector {
            Some(injector) => injector.plan() == plan,
            None => *plan == Default::default(),
        };
        if unchanged {
            return;
        }
        let targets = self.commands.rows().iter().map(|row| Target {
            full_name: row.full_name(),
            parent: row.parent,
            by_default: row.has(flags::READONLY | flags::WRITE | flags::INJECTED_BY_DEFAULT),
        });
        let injector = Injector::start(plan, targets, self.clock.now());
        self.log.warning(match &injector {
            None => "Latency is no longer injected.".into(),
            Some(injector) => format!(
                "WARNING: latency is injected on purpose ({}). This server is slower than it \
                 could be; CONFIG SET inject \"\" ends it.",
                injector.plan()
            ),
        });
        self.observe.injector = injector;
    }
}
