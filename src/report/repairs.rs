//! What had to be mended before a report could be read.

/// One kind of mending. Names stand in the record's `repaired` list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Repair {
    /// Bytes that are no UTF-8 became U+FFFD.
    InvalidUtf8,
    /// Half of a surrogate pair became U+FFFD: a sample cut inside an emoji.
    LoneSurrogate,
    /// A raw control character inside a string became a space.
    ControlCharacter,
    /// A number that no field can hold was dropped.
    Number,
    /// A value of the wrong type was dropped.
    WrongType,
    /// A text was cut at its limit.
    Truncated,
}

/// A set of [`Repair`]s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repairs(u8);

impl Repair {
    pub const ALL: [Self; 6] = [
        Self::InvalidUtf8,
        Self::LoneSurrogate,
        Self::ControlCharacter,
        Self::Number,
        Self::WrongType,
        Self::Truncated,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::InvalidUtf8 => "invalid_utf8",
            Self::LoneSurrogate => "lone_surrogate",
            Self::ControlCharacter => "control_character",
            Self::Number => "number",
            Self::WrongType => "wrong_type",
            Self::Truncated => "truncated",
        }
    }

    /// Finds a repair by its name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|repair| repair.name() == name)
    }
}

impl Repairs {
    pub const fn add(&mut self, repair: Repair) {
        self.0 |= 1 << repair as u8;
    }

    /// Adds all of another set.
    pub const fn merge(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Repair> {
        Repair::ALL.into_iter().filter(move |repair| self.0 & (1 << *repair as u8) != 0)
    }
}
