//! Which of the selected cells are given: the ends of each series, a part of the whole.

use birge_proto::wire::AskRequest;

/// Which of the selected cells are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Of each series so many of its first and of its last; all where both are none.
    ends: [usize; 2],
    /// Of what is left those from here on.
    offset: usize,
    /// At most so many.
    limit: usize,
}

impl Cut {
    /// What a request asks for.
    #[must_use]
    pub(super) fn of(request: &AskRequest) -> Self {
        let AskRequest { first_observations, last_observations, offset, limit, .. } = request;
        let whole = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let ends = match (first_observations, last_observations) {
            (0, 0) => [usize::MAX, 0],
            (first, last) => [first, last].map(|end| whole(u64::from(*end))),
        };
        let limit = if *limit == 0 { usize::MAX } else { whole(*limit) };
        Self { ends, offset: whole(*offset), limit }
    }

    /// What is given of cells in order, each with its series.
    pub(super) fn of_cells<K: PartialEq, C: Copy>(self, cells: &[(K, C)]) -> Vec<C> {
        if self.takes_all() {
            return cells.iter().map(|(_, cell)| *cell).collect();
        }
        let [first, last] = self.ends;
        let series = cells.chunk_by(|(one, _), (other, _)| one == other);
        let ends = series.flat_map(move |series| {
            let from = series.len().saturating_sub(last);
            let at_an_end = move |(place, _): &(usize, _)| *place < first || *place >= from;
            series.iter().enumerate().filter(at_an_end)
        });
        ends.map(|(_, (_, cell))| *cell).skip(self.offset).take(self.limit).collect()
    }

    /// Are all given?
    fn takes_all(self) -> bool {
        let Self { ends: [first, _], offset, limit } = self;
        (first, offset, limit) == (usize::MAX, 0, usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(first: u32, last: u32, offset: u64, limit: u64) -> String {
        let cells: Vec<(char, char)> = "aaaabbc".chars().zip("1234567".chars()).collect();
        let request = AskRequest {
            first_observations: first,
            last_observations: last,
            offset,
            limit,
            ..AskRequest::default()
        };
        let cut = Cut::of(&request);
        let given: String = cut.of_cells(&cells).into_iter().collect();
        assert!(!cut.takes_all() || given == "1234567");
        given
    }

    #[test]
    fn ends_are_of_each_series_and_the_part_of_the_whole() {
        assert_eq!(cut(0, 0, 0, 0), "1234567");
        assert_eq!(cut(1, 0, 0, 0), "157");
        assert_eq!(cut(0, 1, 0, 0), "467");
        assert_eq!(cut(1, 1, 0, 0), "14567");
        assert_eq!(cut(3, 3, 0, 0), "1234567");
        assert_eq!(cut(1, 1, 1, 3), "456");
        assert_eq!(cut(0, 0, 9, 0), "");
        assert!(Cut::of(&AskRequest::default()).takes_all());
    }
}
