//! What is measured, one entry a metric.
//!
//! Names and units follow Prometheus' conventions: prefix `ferry_`, base units (seconds), counters
//! end in `_total`.

pub mod instance;
pub mod service;

use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, Opts,
    Registry, core::Collector,
};

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [Label],
    /// What it tells, for people.
    pub help: &'static str,
}

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// Only grows; starts at 0 with the process.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counted by size: the buckets' upper bounds.
    Histogram(&'static [f64]),
}

/// A label.
#[derive(Debug, Clone, Copy)]
pub struct Label {
    /// Its name.
    pub name: &'static str,
    /// What its values are, for people.
    pub values: &'static str,
}

/// No name is given twice, labels are as many as the code gives, and buckets grow: a test builds
/// all of them.
const WELL_FORMED: &str = "the catalog is well-formed";

impl Metric {
    pub(crate) fn counter(&self, registry: &Registry) -> IntCounter {
        registered(registry, IntCounter::with_opts(self.opts()))
    }

    pub(crate) fn counters(&self, registry: &Registry) -> IntCounterVec {
        registered(
            registry,
            IntCounterVec::new(self.opts(), &self.label_names()),
        )
    }

    pub(crate) fn gauge(&self, registry: &Registry) -> Gauge {
        registered(registry, Gauge::with_opts(self.opts()))
    }

    pub(crate) fn gauges(&self, registry: &Registry) -> GaugeVec {
        registered(registry, GaugeVec::new(self.opts(), &self.label_names()))
    }

    pub(crate) fn histogram(&self, registry: &Registry) -> Histogram {
        registered(registry, Histogram::with_opts(self.histogram_opts()))
    }

    pub(crate) fn histograms(&self, registry: &Registry) -> HistogramVec {
        let histograms = HistogramVec::new(self.histogram_opts(), &self.label_names());
        registered(registry, histograms)
    }

    fn label_names(&self) -> Vec<&'static str> {
        self.labels.iter().map(|label| label.name).collect()
    }

    fn opts(&self) -> Opts {
        Opts::new(self.name, self.help)
    }

    fn histogram_opts(&self) -> HistogramOpts {
        let Kind::Histogram(buckets) = self.kind else {
            panic!("{WELL_FORMED}: {} is no histogram", self.name);
        };
        HistogramOpts::new(self.name, self.help).buckets(buckets.to_vec())
    }
}

fn registered<C>(registry: &Registry, metric: prometheus::Result<C>) -> C
where
    C: Collector + Clone + 'static,
{
    let metric = metric.expect(WELL_FORMED);
    registry
        .register(Box::new(metric.clone()))
        .expect(WELL_FORMED);
    metric
}
