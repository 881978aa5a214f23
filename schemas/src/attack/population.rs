//! The kinds of person that a table tells apart, and the figures as sums over them.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    Alternative, Assumed, Attack, Axis, Cell, Contradiction, Effort, Figure, Interval, Leak, Rule,
    alternatives,
    bounds::Bounds,
    division::{Rest, rests},
    joint,
    search::{self, Told},
};

/// A node along each axis.
pub(super) type Place = Box<[u16]>;

/// A figure and what it is the sum of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Sum {
    pub(super) total: u32,
    pub(super) parts: Vec<u32>,
}

/// What an attacker has to think through.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) bounds: Bounds,
    /// What must not be told.
    targets: Vec<Target>,
    /// By release and cell.
    variables: Vec<Vec<u32>>,
    /// What each variable is, where that is there to judge by; at least, if counts were rounded.
    truth: Vec<Option<u64>>,
    /// Were counts rounded, so that they need not add up?
    rounded: bool,
    /// Cells withheld.
    withheld: u64,
}

#[derive(Debug)]
struct Target {
    variable: u32,
    release: usize,
    cell: usize,
    /// Is it what the cell's parts leave of it?
    rest: bool,
}

impl Model {
    /// The populations that explain the releases; none if there are too many kinds.
    pub(super) fn new(
        axes: &[Axis],
        releases: &[Vec<Cell>],
        rule: Rule,
        rounding: f64,
        assumed: Assumed,
        largest: usize,
    ) -> Option<Self> {
        if releases.iter().map(Vec::len).sum::<usize>() > largest {
            return None;
        }
        let mut figures = Figures {
            intervals: vec![],
            by_figure: HashMap::new(),
            last: HashMap::new(),
            rule,
            rounding,
            floor: floor(releases, rule, rounding),
            assumed,
        };
        let (mut sums, mut targets, mut variables) = (HashSet::new(), vec![], vec![]);
        for (number, release) in releases.iter().enumerate() {
            let mut places = Places { axes, known: HashMap::new(), empty: HashSet::new(), largest };
            let own: Vec<u32> = release.iter().map(|cell| figures.variable(cell)).collect();
            for (at, (cell, variable)) in release.iter().zip(own.iter().copied()).enumerate() {
                places.known.insert(cell.codes.clone(), variable);
                if figures.intervals[variable as usize].greatest == 0 {
                    places.empty.insert(cell.codes.clone());
                }
                if figures.is_secret(&cell.figure) {
                    targets.push(Target { variable, release: number, cell: at, rest: false });
                }
            }
            variables.push(own);
            // Rounded figures that add up do not say that nobody is beside them.
            let secret: Vec<Rest> = match rounding > 0.0 {
                true => vec![],
                false => rests(axes, release, rule, assumed.complete, &mut places.empty),
            };
            for Rest { total, parts } in secret {
                let rest = figures.unknown();
                let variable = |at: usize| places.known[&release[at].codes];
                let parts = parts.into_iter().map(variable).chain([rest]).collect();
                sums.insert(Sum { total: variable(total), parts });
                targets.push(Target { variable: rest, release: number, cell: total, rest: true });
            }
            for cell in release.iter().filter(|cell| places.is_empty(&cell.codes)) {
                figures.intervals[places.known[&cell.codes] as usize].greatest = 0;
            }
            let details: BTreeSet<BTreeSet<usize>> =
                release.iter().map(|cell| detail(&cell.codes)).collect();
            for (axes, seeds) in joint::tables(axes, &details, largest)? {
                let published = release.iter().map(|cell| cell.codes.clone());
                let within = published.filter(|codes| detail(codes).is_subset(&axes));
                places.divide(&axes, within.chain(seeds).collect(), &mut figures, &mut sums)?;
            }
        }
        let sums = sums.into_iter().collect();
        let withheld = releases.iter().flatten().filter(|cell| cell.is_withheld()).count() as u64;
        let mut truth = vec![None; figures.intervals.len()];
        for (cell, variable) in releases.iter().flatten().zip(variables.iter().flatten()) {
            truth[*variable as usize] =
                cell.count().map(|count| count.saturating_sub(off(rounding)));
        }
        let bounds = Bounds::new(figures.intervals, sums);
        Some(Self { bounds, targets, variables, truth, rounded: rounding > 0.0, withheld })
    }

    /// Looks for what must not be told.
    pub(super) fn attack(
        mut self,
        rule: Rule,
        alternatives: &[Alternative],
        effort: &mut Effort,
    ) -> Result<Attack, Contradiction> {
        self.bounds.narrow()?;
        let secret: Vec<u32> = self.targets.iter().map(|target| target.variable).collect();
        let components = self.bounds.components();
        let variable = |(release, cell, change): &(usize, usize, i64)| {
            (self.variables[*release][*cell], *change)
        };
        let alternatives = alternatives.iter().map(|all| all.iter().map(variable).collect());
        let reached = alternatives::reached(&self.bounds, &self.truth, self.rounded, alternatives)?;
        let cleared = |each: &u32| {
            reached[*each as usize].filter(|reached| reached.hides(rule.threshold)).is_some()
        };
        let open: Vec<u32> = secret.iter().copied().filter(|each| !cleared(each)).collect();
        let open = search::intervals(&self.bounds, &components, &open, rule.threshold, effort)?;
        let mut open = open.into_iter();
        let told = |each: &u32| match reached[*each as usize] {
            Some(reached) if cleared(each) => Told::Within(reached),
            _ => open.next().unwrap_or(Told::Unknown),
        };
        let found: Vec<Told> = secret.iter().map(told).collect();
        // How many of the withheld cells had to be thought of would say how many are small.
        let mut attack = match found.contains(&Told::Unknown) {
            true => Attack { unattacked: self.withheld, ..Attack::default() },
            false => Attack { attacked: self.withheld, ..Attack::default() },
        };
        for (Target { release, cell, rest, .. }, told) in self.targets.into_iter().zip(found) {
            let Told::Within(interval) = told else { continue };
            // What nobody handed in is nothing to hide where there may be none of it.
            let hidden = interval.hides(rule.threshold) || (rest && interval.least == 0);
            if !hidden {
                attack.leaks.push(Leak { release, cell, rest, interval });
            }
        }
        Ok(attack)
    }

    /// The interval of every secret cell.
    #[cfg(test)]
    pub(super) fn intervals(mut self) -> Result<Vec<(usize, usize, Interval)>, Contradiction> {
        self.bounds.narrow()?;
        let secret: Vec<u32> = self.targets.iter().map(|target| target.variable).collect();
        let found = search::all_of(&self.bounds, &self.bounds.components(), &secret)?;
        let told = self.targets.iter().zip(found);
        let told = told.filter(|(target, _)| !target.rest);
        Ok(told.filter_map(|(target, found)| Some((target.release, target.cell, found?))).collect())
    }
}

/// The variables of figures.
struct Figures {
    intervals: Vec<Interval>,
    /// A figure that stands unchanged is one variable in all releases. Only what is small now and
    /// was given out when it was not (the threshold was lower) counts as if nobody knew it.
    by_figure: HashMap<(Place, u64, bool), u32>,
    /// The figure of a place in the last release that has one.
    last: HashMap<Place, u32>,
    rule: Rule,
    rounding: f64,
    /// What a withheld figure is at least.
    floor: u64,
    assumed: Assumed,
}

impl Figures {
    fn variable(&mut self, cell: &Cell) -> u32 {
        let before = self.last.get(&cell.codes).filter(|_| self.assumed.unchanged).copied();
        let interval = self.interval(&cell.figure);
        let variable = match (cell.figure, before) {
            (Figure::Given(count) | Figure::Withheld(Some(count)), _) => {
                self.figure(cell, count, interval)
            }
            (Figure::Withheld(None), Some(before)) => before,
            (Figure::Withheld(None), None) => self.add(interval),
        };
        self.last.insert(cell.codes.clone(), variable);
        variable
    }

    fn figure(&mut self, cell: &Cell, count: u64, interval: Interval) -> u32 {
        let figure = (cell.codes.clone(), count, self.is_secret(&cell.figure));
        if let Some(variable) = self.by_figure.get(&figure).filter(|_| self.assumed.same) {
            let known = &mut self.intervals[*variable as usize];
            known.least = known.least.max(interval.least);
            known.greatest = known.greatest.min(interval.greatest);
            return *variable;
        }
        let variable = self.add(interval);
        self.by_figure.insert(figure, variable);
        variable
    }

    /// What is known of a figure to begin with.
    fn interval(&self, figure: &Figure) -> Interval {
        let off = off(self.rounding);
        match *figure {
            Figure::Given(count) => {
                Interval { least: count.saturating_sub(off), greatest: count.saturating_add(off) }
            }
            Figure::Withheld(Some(0)) if !self.rule.zeros_withheld && off == 0 => {
                Interval { least: 0, greatest: 0 }
            }
            Figure::Withheld(_) => {
                let least = if self.assumed.complete { self.floor } else { 0 };
                Interval { least, greatest: u64::MAX }
            }
        }
    }

    fn is_secret(&self, figure: &Figure) -> bool {
        match *figure {
            Figure::Given(_) => false,
            Figure::Withheld(None) => true,
            Figure::Withheld(Some(count)) => {
                count < self.rule.threshold && (count > 0 || self.rule.zeros_withheld)
            }
        }
    }

    fn unknown(&mut self) -> u32 {
        self.add(Interval { least: 0, greatest: u64::MAX })
    }

    fn add(&mut self, interval: Interval) -> u32 {
        self.intervals.push(interval);
        self.intervals.len() as u32 - 1
    }
}

/// The cells of one release, published and not.
struct Places<'a> {
    axes: &'a [Axis],
    known: HashMap<Place, u32>,
    /// Those that nobody is in.
    empty: HashSet<Place>,
    largest: usize,
}

impl Places<'_> {
    /// Divides cells along some axes, one after the other, down to kinds.
    fn divide(
        &mut self,
        along: &BTreeSet<usize>,
        cells: Vec<Place>,
        figures: &mut Figures,
        sums: &mut HashSet<Sum>,
    ) -> Option<()> {
        let (mut open, mut seen) = (cells, HashSet::new());
        while let Some(place) = open.pop() {
            if !seen.insert(place.clone()) {
                continue;
            }
            let divided = along.iter().find(|axis| !self.axes[**axis].is_kind(place[**axis]));
            let total = self.cell(&place, figures)?;
            let Some(&axis) = divided else { continue };
            let mut parts = vec![];
            for kind in self.axes[axis].kinds(place[axis]) {
                let mut part = place.clone();
                part[axis] = *kind;
                if !self.is_empty(&part) {
                    parts.push(self.cell(&part, figures)?);
                    open.push(part);
                }
            }
            parts.sort_unstable();
            sums.insert(Sum { total, parts });
        }
        Some(())
    }

    fn cell(&mut self, place: &Place, figures: &mut Figures) -> Option<u32> {
        if let Some(cell) = self.known.get(place) {
            return Some(*cell);
        }
        let cell = figures.unknown();
        self.known.insert(place.clone(), cell);
        (figures.intervals.len() <= self.largest).then_some(cell)
    }

    /// Is a cell in one of which it is known that nobody is in it?
    fn is_empty(&self, place: &Place) -> bool {
        if self.empty.is_empty() {
            return false;
        }
        let mut wider = vec![place.clone()];
        for (axis, node) in place.iter().enumerate() {
            for at in 0..wider.len() {
                for above in self.axes[axis].above(*node).iter().filter(|above| *above != node) {
                    let mut place = wider[at].clone();
                    place[axis] = *above;
                    wider.push(place);
                }
            }
        }
        wider.iter().any(|place| self.empty.contains(place))
    }
}

/// What a withheld figure is at least. Of rounded ones zeros are withheld, too, where that hides
/// others; but nobody thinks of zeros where it is known that there are none.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a base of rounding is small"
)]
fn floor(releases: &[Vec<Cell>], rule: Rule, rounding: f64) -> u64 {
    let (off, base) = (off(rounding), rounding as u64);
    let mut counts = releases.iter().flatten().map(Cell::count);
    let is_rounded =
        |count: Option<u64>| count.is_some_and(|count| count > 0 && count.is_multiple_of(base));
    match rule.zeros_withheld {
        true => 0,
        false if off == 0 => 1,
        false => {
            if counts.all(is_rounded) {
                base - off
            } else {
                0
            }
        }
    }
}

/// How far a count that was rounded to this base may be from its figure.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a base of rounding is small"
)]
fn off(rounding: f64) -> u64 {
    (rounding / 2.0).floor() as u64
}

fn detail(codes: &[u16]) -> BTreeSet<usize> {
    (0..codes.len()).filter(|axis| codes[*axis] != 0).collect()
}
