//! Pictures put together byte by byte, as no encoder would write them.

/// Bytes of a picture, so far.
#[derive(Clone)]
pub(crate) struct Handmade(pub(crate) Vec<u8>);

/// Baseline, and progressive, by their markers.
pub(crate) const BASELINE: u8 = 0xc0;
pub(crate) const PROGRESSIVE: u8 = 0xc2;

/// The frequencies of a block in stored order.
pub(crate) type Block = [i32; 64];

impl Handmade {
    /// A picture that has begun.
    pub(crate) fn new() -> Self {
        Self(vec![0xff, 0xd8])
    }

    /// Any segment.
    pub(crate) fn segment(mut self, marker: u8, payload: &[u8]) -> Self {
        let length = u16::try_from(payload.len() + 2).unwrap();
        self.0.extend([0xff, marker]);
        self.0.extend(length.to_be_bytes());
        self.0.extend(payload);
        self
    }

    /// A frame of components of these sampling factors, named 1, 2, …, all with the first quantisation table.
    pub(crate) fn frame(self, marker: u8, (width, height): (u16, u16), factors: &[u8]) -> Self {
        let mut payload = vec![8];
        payload.extend(height.to_be_bytes());
        payload.extend(width.to_be_bytes());
        payload.push(u8::try_from(factors.len()).unwrap());
        for (id, factors) in (1..).zip(factors) {
            payload.extend([id, *factors, 0]);
        }
        self.segment(marker, &payload)
    }

    /// A first quantisation table of the same step for all.
    pub(crate) fn quantizer(self, step: u8) -> Self {
        self.segment(0xdb, &[&[0][..], &[step; 64]].concat())
    }

    /// First tables of mean values and of all others, all of whose codes have eight bits: the code is the symbol.
    pub(crate) fn codes(self) -> Self {
        let symbols: Vec<u8> = (0..=254).collect();
        let counts = [0, 0, 0, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0];
        let dc = [&[0x00, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0][..], &symbols[..16]].concat();
        let ac = [&[0x10][..], &counts, &symbols].concat();
        self.segment(0xc4, &dc).segment(0xc4, &ac)
    }

    /// After so many MCUs everything begins anew.
    pub(crate) fn restart_interval(self, mcus: u16) -> Self {
        self.segment(0xdd, &mcus.to_be_bytes())
    }

    /// The header of a scan of the components of these numbers, for the frequencies from the first to the last, `high` and `low`
    /// bits as the standard calls them; then its data.
    pub(crate) fn scan(
        self,
        ids: &[u8],
        (first, last): (u8, u8),
        (high, low): (u8, u8),
        data: &Bits,
    ) -> Self {
        let mut payload = vec![u8::try_from(ids.len()).unwrap()];
        payload.extend(ids.iter().flat_map(|id| [*id, 0]));
        payload.extend([first, last, high << 4 | low]);
        let mut whole = self.segment(0xda, &payload);
        whole.0.extend(data.stuffed());
        whole
    }

    /// The scan of all components of a sequential picture.
    pub(crate) fn sequential_scan(self, components: u8, data: &Bits) -> Self {
        let ids: Vec<_> = (1..=components).collect();
        self.scan(&ids, (0, 63), (0, 0), data)
    }

    /// A picture that has ended.
    pub(crate) fn end(mut self) -> Vec<u8> {
        self.0.extend([0xff, 0xd9]);
        self.0
    }
}

/// The data of a scan before stuffing.
#[derive(Clone, Default)]
pub(crate) struct Bits(Vec<bool>);

impl Bits {
    /// So many bits of a number.
    pub(crate) fn bits(&mut self, value: u32, count: u32) {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    /// A symbol of [`Handmade::codes`].
    pub(crate) fn symbol(&mut self, symbol: u8) {
        self.bits(symbol.into(), 8);
    }

    /// A value after `run` zeros.
    pub(crate) fn value(&mut self, run: u8, value: i32) {
        let size = value.unsigned_abs().checked_ilog2().map_or(0, |log| log + 1);
        self.symbol(run << 4 | u8::try_from(size).unwrap());
        let stored = if value < 0 { value - 1 } else { value };
        self.bits(stored.cast_unsigned() & ((1 << size) - 1), size);
    }

    /// A block of a sequential picture, whose mean is given as a difference.
    pub(crate) fn block(&mut self, block: &Block) {
        self.value(0, block[0]);
        let mut run = 0;
        for value in &block[1..] {
            if *value == 0 {
                run += 1;
                continue;
            }
            for _ in 0..run / 16 {
                self.symbol(0xf0);
            }
            self.value(run % 16, *value);
            run = 0;
        }
        if run > 0 {
            self.symbol(0);
        }
    }

    fn stuffed(&self) -> Vec<u8> {
        let byte = |bits: &[bool]| {
            let mut bits = bits.to_vec();
            bits.resize(8, true);
            bits.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit))
        };
        let bytes = self.0.chunks(8).map(byte);
        bytes.flat_map(|byte| if byte == 0xff { vec![0xff, 0] } else { vec![byte] }).collect()
    }
}

/// Numbers that look random and are the same every time (splitmix64).
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    /// Any number below another.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(end).unwrap()).unwrap()
    }
}
