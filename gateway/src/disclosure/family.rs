//! Totals and their parts along one axis.

use birge_schemas::extent::Span;

/// A cell of one line along an axis, but for the total of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) code: u16,
    pub(super) span: Span,
    pub(super) count: u64,
}

/// A code and those into which it is divided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Family {
    /// 0 for the total of all.
    pub(super) total: u16,
    count: u64,
    pub(super) parts: Vec<u16>,
    sum: u64,
}

impl Family {
    /// The families of a line, given what the total of all counts; none where two codes have
    /// something in common and neither contains the other.
    pub(super) fn of(all: Option<u64>, members: &[Member]) -> Option<Vec<Self>> {
        let mut members = members.to_vec();
        members.sort_unstable_by_key(|member| {
            (member.span.from, u32::MAX - member.span.to, member.code)
        });
        let mut families: Vec<Self> = all.map(|count| Self::parted(0, count)).into_iter().collect();
        // Those that contain the present member, the innermost last, with their family.
        let mut about: Vec<(Span, usize)> = vec![];
        for member in members {
            about.retain(|(span, _)| span.meets(member.span));
            let inner = about.last().copied();
            if inner.is_some_and(|(span, _)| !span.contains(member.span) || span == member.span) {
                return None;
            }
            let family = inner.map(|(_, family)| family).or(all.map(|_| 0));
            if let Some(family) = family {
                families[family].parts.push(member.code);
                families[family].sum = families[family].sum.checked_add(member.count)?;
            }
            about.push((member.span, families.len()));
            families.push(Self::parted(member.code, member.count));
        }
        families.retain(|family| !family.parts.is_empty());
        Some(families)
    }

    fn parted(total: u16, count: u64) -> Self {
        Self { total, count, parts: vec![], sum: 0 }
    }

    /// By how much the total is more than its parts.
    pub(super) fn excess(&self) -> i128 {
        i128::from(self.count) - i128::from(self.sum)
    }

    /// What of the total its parts leave; none where they are more than the total.
    pub(super) fn rest(&self) -> Option<u64> {
        self.count.checked_sub(self.sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(spans: &[(u32, u32)]) -> Vec<Member> {
        let member = |(code, (from, to)): (u16, &(u32, u32))| {
            let span = Span { from: *from, to: *to };
            Member { code, span, count: u64::from(span.to - span.from) }
        };
        (1..).zip(spans).map(member).collect()
    }

    #[test]
    fn codes_are_parts_of_the_least_that_contains_them() {
        let line = members(&[(0, 18), (0, 5), (18, 60), (5, 18), (20, 30)]);
        let families = Family::of(Some(100), &line).unwrap();
        let parts: Vec<_> = families.iter().map(|each| (each.total, each.parts.clone())).collect();
        assert_eq!(parts, [(0, vec![1, 3]), (1, vec![2, 4]), (3, vec![5])]);
        let rests: Vec<_> = families.iter().map(|each| each.rest().unwrap()).collect();
        assert_eq!(rests, [40, 0, 32]);
    }

    #[test]
    fn codes_that_cross_or_are_the_same_are_no_families() {
        assert_eq!(Family::of(Some(9), &members(&[(0, 20), (15, 30)])), None);
        assert_eq!(Family::of(Some(9), &members(&[(0, 20), (0, 20)])), None);
        assert_eq!(Family::of(Some(90), &members(&[(0, 60), (15, 30), (20, 40)])), None);
    }

    #[test]
    fn parts_that_are_more_than_their_total_leave_no_rest() {
        let line = members(&[(0, 5), (5, 10)]);
        let rest = |total| Family::of(Some(total), &line).unwrap()[0].rest();
        assert_eq!([8, 10, 15].map(rest), [None, Some(0), Some(5)]);
    }
}
