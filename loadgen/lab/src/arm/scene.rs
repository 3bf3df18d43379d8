//! Runs an arm against a running server: its groups, its procedure, or both at the same time.
//!
//! Invariant: a procedure beside groups begins with the measurement and is waited for; no thread is left running.

use crate::arm::link::Ways;
use crate::arm::run::run_observed;
use crate::arm::run_plan::run_plan;
use crate::arm::{Settings, Wanted};
use crate::observe::cpu_wait::Waits;
use crate::observe::{Account, Observed, ServerObserver};
use crate::observer::{Activity, Gauge, observed};
use crate::procedure::{self, ServerUnderTest};
use aelab_engine::Phase;
use aelab_engine::clock::{self, Nanos};
use aelab_engine::error::Failure;
use aelab_engine::plan::RunPlan;
use aelab_engine::record::result::RunResult;
use aelab_results::record::Procedure as ProcedureRecord;
use aelab_scenarios::model::Arm;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// Everything that running an arm needs.
pub(crate) struct Scene<'a> {
    pub(crate) arm: &'a Arm,
    pub(crate) wanted: &'a Wanted,
    pub(crate) seed: u64,
    pub(crate) settings: &'a Settings<'a>,
    pub(crate) ways: &'a Ways,
    pub(crate) under_test: &'a ServerUnderTest<'a>,
    pub(crate) cpus: Option<Vec<usize>>,
}

/// What was measured.
pub(crate) struct MeasuredArm {
    pub(crate) run: Option<(RunPlan, RunResult)>,
    /// How long the server's process waited for a CPU during the run.
    pub(crate) waits: Waits,
    pub(crate) procedure: Option<ProcedureRecord>,
    pub(crate) observed: Observed,
    /// When it began, and how long it took.
    pub(crate) started_unix_ns: u64,
    pub(crate) took: Nanos,
}

impl Scene<'_> {
    /// Runs the groups and the procedure, at the same time if there are both: the procedure begins with the measurement.
    pub(crate) fn run(&self) -> Result<MeasuredArm, Failure> {
        let account = match (self.wanted.ae, self.arm.engine.trace) {
            (false, 0) => Account::Unasked,
            (_, trace) => Account::Asked { trace },
        };
        let observer =
            ServerObserver::before(&self.under_test.target, self.under_test.pid, account);
        let (started_unix_ns, began) = (clock::wall_ns(), clock::now());
        let mut waits = Waits::default();
        let (run, procedure) = match (self.arm.groups.is_empty(), &self.arm.procedure) {
            (true, None) => (None, None),
            (true, Some(_)) => {
                for phase in [Phase::Warmup, Phase::Measure] {
                    observer.on_phase(phase);
                }
                let label = format!("{}: procedure", self.settings.label(self.arm));
                let length = self.arm.phases.measure;
                let gauge = || {
                    let elapsed = std::time::Duration::from(clock::now().since(began));
                    let share = elapsed.as_secs_f64() / length.as_secs_f64().max(1e-9);
                    Gauge { done: (share * 1e3).min(1e3) as u64, total: 1000, note: String::new() }
                };
                let activity = Activity::Work { label: &label, gauge: &gauge };
                let record = observed(self.settings.observer, activity, || self.procedure())?;
                observer.on_phase(Phase::Drain);
                (None, record)
            }
            (false, _) => {
                let plan = run_plan(self.arm, self.ways, self.seed, self.cpus.clone())?;
                let over = AtomicBool::new(false);
                let (measured, looked) = std::thread::scope(|scope| {
                    let looker = scope.spawn(|| Waits::watch(self.under_test.pid, &over));
                    let measured = self.both(&plan, &observer);
                    over.store(true, Relaxed);
                    (measured, looker.join())
                });
                waits = looked.unwrap_or_default();
                let (result, procedure) = measured?;
                (Some((plan, result)), procedure)
            }
        };
        Ok(MeasuredArm {
            run,
            waits,
            procedure,
            observed: observer.into_seen(),
            started_unix_ns,
            took: clock::now().since(began),
        })
    }

    fn both(
        &self,
        plan: &RunPlan,
        observer: &ServerObserver,
    ) -> Result<(RunResult, Option<ProcedureRecord>), Failure> {
        let (begun, over) = (AtomicBool::new(false), AtomicBool::new(false));
        let on_phase = |phase: Phase| {
            if phase == Phase::Measure {
                begun.store(true, Relaxed);
            }
            observer.on_phase(phase);
        };
        std::thread::scope(|scope| {
            let procedure = scope.spawn(|| {
                while !begun.load(Relaxed) {
                    if over.load(Relaxed) {
                        return Ok(None);
                    }
                    std::thread::sleep(std::time::Duration::from_millis(1));
                }
                self.procedure()
            });
            let name = &self.arm.name;
            let result =
                run_observed(name, plan, self.settings.cancel, &on_phase, self.settings.observer);
            over.store(true, Relaxed);
            let record = procedure
                .join()
                .unwrap_or_else(|_| Err(Failure::invalid("the thread of the procedure panicked")));
            Ok((result?, record?))
        })
    }

    fn procedure(&self) -> Result<Option<ProcedureRecord>, Failure> {
        let Some(procedure) = &self.arm.procedure else { return Ok(None) };
        procedure::run(self.under_test, procedure).map(Some)
    }
}
