//! The bits of a JPEG picture's scan, read block by block. Every step gives
//! None where the bits end too early or stand for nothing.

use super::Band;
use super::codes::HuffmanCodes;

/// Bits between two markers.
pub struct ScanBits<'a> {
    bytes: &'a [u8],
    /// Where the next byte is.
    at: usize,
    /// The next bits, at the top.
    held: u64,
    count: usize,
}

impl<'a> ScanBits<'a> {
    /// Those from `at` on.
    pub fn new(bytes: &'a [u8], at: usize) -> Self {
        Self {
            bytes,
            at,
            held: 0,
            count: 0,
        }
    }

    /// Holds 32 bits at least, if there are so many.
    fn fill(&mut self) {
        while self.count <= 56 {
            let Some(&byte) = self.bytes.get(self.at) else {
                return;
            };
            if byte == 0xff {
                // A 0 after it makes it plain data, all else a marker.
                if self.bytes.get(self.at + 1) != Some(&0) {
                    return;
                }
                self.at += 1;
            }
            self.at += 1;
            self.held |= u64::from(byte) << (56 - self.count);
            self.count += 8;
        }
    }

    /// Passes over bits.
    pub fn skip(&mut self, count: usize) -> Option<()> {
        self.take(count).map(drop)
    }

    /// Up to 16 bits as a number.
    fn take(&mut self, count: usize) -> Option<usize> {
        if self.count < count {
            self.fill();
        }
        self.count = self.count.checked_sub(count)?;
        let taken = self.held.checked_shr(64 - count as u32).unwrap_or(0);
        self.held <<= count;
        Some(taken as usize)
    }

    /// A value: zeros to pass, and the bits of the number after them.
    fn value(&mut self, codes: &HuffmanCodes) -> Option<(usize, usize)> {
        if self.count < 16 {
            self.fill();
        }
        let (length, value) = codes.find((self.held >> 48) as u32)?;
        self.skip(length)?;
        Some((usize::from(value >> 4), usize::from(value & 15)))
    }

    /// A block of a picture that comes in one pass.
    pub fn block(&mut self, direct: &HuffmanCodes, rest: &HuffmanCodes) -> Option<()> {
        self.direct(direct)?;
        let mut at = 1;
        while at < 64 {
            match self.value(rest)? {
                (15, 0) => at += 16,
                (_, 0) => break,
                (zeros, size) => {
                    at += zeros + 1;
                    (at <= 64).then(|| self.skip(size))??;
                }
            }
        }
        Some(())
    }

    /// A block's mean value.
    pub fn direct(&mut self, codes: &HuffmanCodes) -> Option<()> {
        match self.value(codes)? {
            (0, size) => self.skip(size),
            _ => None,
        }
    }

    /// Coefficients of a block, for the first time.
    pub fn band(
        &mut self,
        codes: &HuffmanCodes,
        band: &Band,
        filled: &mut u64,
        ended: &mut usize,
    ) -> Option<()> {
        if *ended > 0 {
            *ended -= 1;
            return Some(());
        }
        let mut at = band.first;
        while at <= band.last {
            match self.value(codes)? {
                (15, 0) => at += 16,
                (power, 0) => {
                    *ended = (1 << power) + self.take(power)? - 1;
                    break;
                }
                (zeros, size) => {
                    at += zeros;
                    (at <= band.last).then(|| self.skip(size))??;
                    *filled |= 1 << at;
                    at += 1;
                }
            }
        }
        Some(())
    }

    /// Further bits of a block's coefficients: one for each that is not 0, and
    /// those that become so.
    pub fn refine(
        &mut self,
        codes: &HuffmanCodes,
        band: &Band,
        filled: &mut u64,
        ended: &mut usize,
    ) -> Option<()> {
        let mut at = band.first;
        while *ended == 0 && at <= band.last {
            let (mut zeros, size) = self.value(codes)?;
            if size > 0 {
                self.skip(1)?;
            } else if zeros < 15 {
                *ended = (1 << zeros) + self.take(zeros)?;
                break;
            }
            while at <= band.last {
                if *filled >> at & 1 == 1 {
                    self.skip(1)?;
                } else if zeros == 0 {
                    break;
                } else {
                    zeros -= 1;
                }
                at += 1;
            }
            if size > 0 {
                (at <= band.last).then_some(())?;
                *filled |= 1 << at;
            }
            at += 1;
        }
        if *ended > 0 {
            let left = (at..=band.last).filter(|at| *filled >> at & 1 == 1).count();
            for _ in 0..left {
                self.skip(1)?;
            }
            *ended -= 1;
        }
        Some(())
    }

    /// Passes the restart marker of this number.
    pub fn restart(&mut self, number: usize) -> Option<()> {
        let at = self.end()?;
        let marker = self.bytes.get(at + 1)?;
        (usize::from(*marker) == 0xd0 + number).then_some(())?;
        *self = Self::new(self.bytes, at + 2);
        Some(())
    }

    /// Where the marker after the last block is, or the end. Less than a byte may
    /// be left, or bytes before a marker that a writer fills up with.
    pub fn end(&mut self) -> Option<usize> {
        self.take(self.count % 8)?;
        self.fill();
        let padded = self.count > 0;
        while self.count > 0 {
            let byte = self.take(8)?;
            (byte == 0 || byte == 0xff).then_some(())?;
            self.fill();
        }
        // A marker may have several 0xff before its code.
        while self.bytes.get(self.at..self.at + 2) == Some(&[0xff, 0xff]) {
            self.at += 1;
        }
        (!padded || self.at < self.bytes.len()).then_some(self.at)
    }
}
