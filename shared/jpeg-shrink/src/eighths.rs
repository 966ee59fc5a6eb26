//! The sizes that a picture can be decoded to.

/// How many eighths of its width and height a picture is decoded to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Eighths {
    /// 1/8: one sample for each block, its mean.
    One,
    /// 2/8.
    Two,
    /// 3/8.
    Three,
    /// 4/8.
    Four,
}

impl Eighths {
    /// All of them, smallest first.
    pub const ALL: [Self; 4] = [Self::One, Self::Two, Self::Three, Self::Four];

    /// The number of eighths; so many samples of each block become a row.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Three => 3,
            Self::Four => 4,
        }
    }
}
