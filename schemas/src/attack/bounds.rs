//! Intervals in whole numbers, narrowed by one sum at a time.

use std::collections::VecDeque;

use super::{Contradiction, Interval, population::Sum};

/// How often a sum is looked at, at most, on average: intervals may go on narrowing by one.
const VISITS: usize = 40;

/// Variables with what is known of each, and the sums that tie them.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    pub(super) intervals: Vec<Interval>,
    pub(super) sums: Vec<Sum>,
    /// What was known of each to begin with: the sums tell the rest.
    pub(super) first: Vec<Interval>,
    sums_of: Vec<Vec<u32>>,
}

impl Bounds {
    pub(super) fn new(intervals: Vec<Interval>, mut sums: Vec<Sum>) -> Self {
        sums.sort_unstable_by(|one, other| {
            (one.total, &one.parts).cmp(&(other.total, &other.parts))
        });
        let mut sums_of = vec![vec![]; intervals.len()];
        for (number, sum) in (0..).zip(&sums) {
            for variable in sum.parts.iter().chain([&sum.total]) {
                sums_of[*variable as usize].push(number);
            }
        }
        Self { first: intervals.clone(), intervals, sums, sums_of }
    }

    /// Narrows the intervals until they stand, or nearly so.
    pub(super) fn narrow(&mut self) -> Result<(), Contradiction> {
        if self.intervals.iter().any(|it| it.least > it.greatest) {
            return Err(Contradiction);
        }
        let mut open: VecDeque<u32> = (0..).take(self.sums.len()).collect();
        let mut waiting = vec![true; self.sums.len()];
        for _ in 0..VISITS * self.sums.len() {
            let Some(number) = open.pop_front() else { break };
            waiting[number as usize] = false;
            for (variable, interval) in self.told_by(number) {
                let known = &mut self.intervals[variable as usize];
                let narrower = Interval {
                    least: known.least.max(interval.least),
                    greatest: known.greatest.min(interval.greatest),
                };
                if narrower.least > narrower.greatest {
                    return Err(Contradiction);
                }
                if narrower != *known {
                    *known = narrower;
                    for sum in &self.sums_of[variable as usize] {
                        if !std::mem::replace(&mut waiting[*sum as usize], true) {
                            open.push_back(*sum);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// What a sum tells of each of its variables.
    fn told_by(&self, sum: u32) -> Vec<(u32, Interval)> {
        let Sum { total, parts } = &self.sums[sum as usize];
        let known = |variable: u32| self.intervals[variable as usize];
        let least: u64 = parts.iter().fold(0, |sum, part| sum.saturating_add(known(*part).least));
        // Those without a bound are counted, so that one of them can be told from the others.
        let bounded =
            parts.iter().map(|part| known(*part).greatest).filter(|most| *most != u64::MAX);
        let greatest = bounded.fold(0_u64, u64::saturating_add);
        let boundless = parts.iter().filter(|part| known(**part).greatest == u64::MAX).count();
        let all = known(*total);
        let whole = Interval { least, greatest: if boundless == 0 { greatest } else { u64::MAX } };
        let part = |part: &u32| {
            let own = known(*part);
            let others_most = match (boundless, own.greatest) {
                (0, most) => Some(greatest - most),
                (1, u64::MAX) => Some(greatest),
                _ => None,
            };
            let interval = Interval {
                least: others_most.map_or(0, |most| all.least.saturating_sub(most)),
                // More than all: that is none, and is found a contradiction.
                greatest: match all.greatest {
                    u64::MAX => u64::MAX,
                    most => most.saturating_sub(least - own.least),
                },
            };
            (*part, interval)
        };
        parts.iter().map(part).chain([(*total, whole)]).collect()
    }

    /// Is a variable known?
    pub(super) fn is_known(&self, variable: u32) -> bool {
        let Interval { least, greatest } = self.intervals[variable as usize];
        least == greatest
    }

    /// The variables that are not known, in groups that no sum ties to each other.
    pub(super) fn components(&self) -> Vec<Vec<u32>> {
        let mut seen: Vec<bool> =
            (0..).map(|each| self.is_known(each)).take(self.intervals.len()).collect();
        let mut components = vec![];
        for first in 0..self.intervals.len() as u32 {
            if std::mem::replace(&mut seen[first as usize], true) {
                continue;
            }
            let (mut component, mut open) = (vec![], vec![first]);
            while let Some(variable) = open.pop() {
                component.push(variable);
                for sum in &self.sums_of[variable as usize] {
                    let Sum { total, parts } = &self.sums[*sum as usize];
                    let tied = parts.iter().chain([total]).copied();
                    open.extend(
                        tied.filter(|each| !std::mem::replace(&mut seen[*each as usize], true)),
                    );
                }
            }
            component.sort_unstable();
            components.push(component);
        }
        components
    }

    /// The sums in which any of these stands.
    pub(super) fn sums_of(&self, variables: &[u32]) -> Vec<&Sum> {
        let mut numbers: Vec<u32> = variables
            .iter()
            .flat_map(|each| self.sums_of[*each as usize].iter().copied())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers.into_iter().map(|number| &self.sums[number as usize]).collect()
    }
}
