//! What the codes of an axis take in, and the kinds of person that they tell apart.

use crate::extent::Span;

/// An axis, given as what its codes from 1 on take in. A **node** is a code, 0 for the total, or
/// a kind that no single code is.
#[derive(Debug, Clone)]
pub struct Axis {
    spans: Vec<Span>,
    /// Of each node, the kinds that it takes in, as nodes.
    kinds: Vec<Vec<u16>>,
    /// Of each node, those that take it in, itself and the total among them.
    above: Vec<Vec<u16>>,
}

impl Axis {
    /// The axis of these codes, the total left out.
    #[must_use]
    pub fn new(spans: &[Span]) -> Self {
        let mut ends: Vec<u32> = spans.iter().flat_map(|span| [span.from, span.to]).collect();
        ends.sort_unstable();
        ends.dedup();
        let pieces = ends.windows(2).map(|pair| Span { from: pair[0], to: pair[1] });
        let taken = |piece: &Span| spans.iter().any(|span| span.contains(*piece));
        let pieces: Vec<Span> = pieces.filter(taken).collect();
        let mut nodes = vec![Span { from: 0, to: u32::MAX }];
        nodes.extend(spans);
        // A kind is the code that is just this, or a node of its own.
        let mut leaves = vec![];
        for piece in &pieces {
            let code = spans.iter().position(|span| span == piece);
            leaves.push(code.map_or(nodes.len(), |code| code + 1) as u16);
            if code.is_none() {
                nodes.push(*piece);
            }
        }
        let other = nodes.len() as u16;
        nodes.push(Span { from: u32::MAX, to: u32::MAX });
        let mut kinds: Vec<Vec<u16>> = nodes
            .iter()
            .map(|node| {
                let within = leaves.iter().zip(&pieces).filter(|(_, piece)| node.contains(**piece));
                within.map(|(leaf, _)| *leaf).collect()
            })
            .collect();
        kinds[0].push(other);
        kinds[usize::from(other)] = vec![other];
        let above = (0..nodes.len() as u16).map(|node| {
            let own = &kinds[usize::from(node)];
            let takes_in =
                |other: &u16| own.iter().all(|kind| kinds[usize::from(*other)].contains(kind));
            (0..nodes.len() as u16).filter(takes_in).collect()
        });
        Self { spans: spans.to_vec(), above: above.collect(), kinds }
    }

    /// The kinds of a node, as nodes.
    pub(super) fn kinds(&self, node: u16) -> &[u16] {
        &self.kinds[usize::from(node)]
    }

    /// Is a node one kind?
    pub(super) fn is_kind(&self, node: u16) -> bool {
        self.kinds(node) == [node]
    }

    /// The nodes that take a node in, itself included.
    pub(super) fn above(&self, node: u16) -> &[u16] {
        &self.above[usize::from(node)]
    }

    /// Do codes have nothing in common?
    pub(super) fn disjoint(&self, one: u16, other: u16) -> bool {
        !self.kinds(one).iter().any(|kind| self.kinds(other).contains(kind))
    }

    /// Does a node take in another one, and more?
    pub(super) fn contains(&self, one: u16, other: u16) -> bool {
        one != other && self.above(other).contains(&one)
    }

    /// Is a kind of a code also one of a code that is not above it?
    pub(super) fn is_told_apart(&self, kind: u16, code: u16) -> bool {
        let codes = self.above(kind).iter().filter(|node| usize::from(**node) <= self.spans.len());
        codes.into_iter().any(|other| !self.above(code).contains(other))
    }

    /// How many kinds there are.
    pub(super) fn width(&self) -> usize {
        self.kinds[0].len()
    }

    /// How many codes there are, the total not counted.
    #[must_use]
    pub fn codes(&self) -> usize {
        self.spans.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(spans: &[(u32, u32)]) -> Axis {
        let spans: Vec<_> = spans.iter().map(|(from, to)| Span { from: *from, to: *to }).collect();
        Axis::new(&spans)
    }

    #[test]
    fn codes_that_are_divided_are_told_apart_by_what_is_in_them() {
        let nested = axis(&[(0, 18), (0, 5), (18, 99)]);
        // 4 is from 5 to 17, 5 is beside all.
        assert_eq!(nested.kinds(0), [2, 4, 3, 5]);
        assert_eq!(nested.kinds(1), [2, 4]);
        assert!(nested.is_kind(2) && !nested.is_kind(1) && nested.disjoint(2, 4));
        assert_eq!(nested.above(2), [0, 1, 2]);
        assert!(nested.contains(1, 4) && !nested.contains(4, 1));
    }

    #[test]
    fn codes_that_cross_share_a_kind() {
        let crossing = axis(&[(0, 20), (15, 30)]);
        assert_eq!(crossing.kinds(1), [3, 4]);
        assert_eq!(crossing.kinds(2), [4, 5]);
        assert!(!crossing.disjoint(1, 2));
    }
}
