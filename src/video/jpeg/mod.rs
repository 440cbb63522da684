//! Whether a JPEG picture is all there. Decoders fill what is missing with
//! grey, and tell nobody.

mod bits;
mod codes;

use bits::ScanBits;
use codes::HuffmanCodes;

/// Pictures with more pixels are not judged.
const MOST_PIXELS: usize = 1 << 28;

/// Whether every block of the first picture in `bytes` is stored and can be
/// read. What is no JPEG, or is coded otherwise than by Huffman's codes, is not
/// judged: it counts as whole.
pub fn is_whole(bytes: &[u8]) -> bool {
    if !bytes.starts_with(&[0xff, 0xd8]) {
        return true;
    }
    let mut reading = Reading::new(bytes);
    loop {
        match reading.segment() {
            Some(Reached::Segment) => {}
            Some(Reached::End) => return reading.planes.iter().all(|plane| plane.scanned),
            Some(Reached::Unknown) => return true,
            None => return false,
        }
    }
}

/// Where a segment leads.
enum Reached {
    Segment,
    End,
    /// A way of coding that is not read here.
    Unknown,
}

/// One component of a picture, in blocks of 8 × 8 samples.
struct Plane {
    name: u8,
    /// Blocks of a unit, in x and y.
    factors: (usize, usize),
    across: usize,
    down: usize,
    /// Blocks in a row of whole units.
    stride: usize,
    scanned: bool,
    /// Of each block of a progressive picture, which coefficients are not 0.
    filled: Vec<u64>,
}

/// A component's part in a scan: its plane, and which codes it takes.
struct Part {
    plane: usize,
    direct: usize,
    rest: usize,
}

/// Which coefficients a scan has, and whether it refines them.
struct Band {
    first: usize,
    last: usize,
    refines: bool,
}

struct Reading<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Units in x and y.
    units: (usize, usize),
    progressive: bool,
    planes: Vec<Plane>,
    direct: [HuffmanCodes; 4],
    rest: [HuffmanCodes; 4],
    /// Units between restart markers; 0 for none.
    interval: usize,
}

impl<'a> Reading<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 2,
            units: (0, 0),
            progressive: false,
            planes: Vec::new(),
            direct: codes::usual_direct(),
            rest: codes::usual_rest(),
            interval: 0,
        }
    }

    /// Reads the next segment, with its scan; None where it is damaged.
    fn segment(&mut self) -> Option<Reached> {
        let Some(marker) = self.marker() else {
            // Where every block has come, only the end marker is missing.
            let came = !self.planes.is_empty() && !self.progressive;
            return came.then_some(Reached::End);
        };
        match marker {
            0xd9 => return Some(Reached::End),
            0x01 | 0xd0..=0xd8 => return Some(Reached::Segment),
            _ => {}
        }
        let length = usize::from(u16_of(self.bytes.get(self.at..)?)?);
        let content = self.bytes.get(self.at + 2..self.at + length.max(2))?;
        self.at += length.max(2);
        match marker {
            0xc0..=0xc2 => return self.frame(content, marker == 0xc2),
            0xc4 => self.codes(content)?,
            0xdd => self.interval = u16_of(content)?.into(),
            0xda => self.scan(content)?,
            // Other kinds of frames, and a height that comes later.
            0xc3..=0xcf | 0xdc => return Some(Reached::Unknown),
            _ => {}
        }
        Some(Reached::Segment)
    }

    /// The next marker's code; None at the end of the bytes.
    fn marker(&mut self) -> Option<u8> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            self.at += rest.iter().position(|&byte| byte == 0xff)?;
            let code = *self.bytes.get(self.at + 1)?;
            if code != 0 && code != 0xff {
                self.at += 2;
                return Some(code);
            }
            self.at += 1;
        }
    }

    fn frame(&mut self, content: &[u8], progressive: bool) -> Option<Reached> {
        let (head, stated) = content.split_at_checked(6)?;
        let (height, width) = (
            usize::from(u16_of(&head[1..])?),
            usize::from(u16_of(&head[3..])?),
        );
        match width * height {
            0 => return None,
            pixels if pixels > MOST_PIXELS => return Some(Reached::Unknown),
            _ => {}
        }
        let stated = stated.get(..3 * usize::from(head[5]))?;
        let factors = |stated: &[u8]| (usize::from(stated[1] >> 4), usize::from(stated[1] & 15));
        let all = || stated.chunks_exact(3).map(factors);
        if all().any(|(x, y)| !(1..=4).contains(&x) || !(1..=4).contains(&y)) {
            return None;
        }
        let most = (all().map(|it| it.0).max()?, all().map(|it| it.1).max()?);
        self.units = (width.div_ceil(8 * most.0), height.div_ceil(8 * most.1));
        self.progressive = progressive;
        let plane = |stated: &[u8]| {
            let (x, y) = factors(stated);
            let stride = self.units.0 * x;
            let kept = if progressive {
                stride * self.units.1 * y
            } else {
                0
            };
            Plane {
                name: stated[0],
                factors: (x, y),
                across: (width * x).div_ceil(most.0).div_ceil(8),
                down: (height * y).div_ceil(most.1).div_ceil(8),
                stride,
                scanned: false,
                filled: vec![0; kept],
            }
        };
        self.planes = stated.chunks_exact(3).map(plane).collect();
        Some(Reached::Segment)
    }

    fn codes(&mut self, mut content: &[u8]) -> Option<()> {
        while let Some((place, rest)) = content.split_first() {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let total = counts.iter().map(|&count| usize::from(count)).sum();
            let tables = if place >> 4 == 0 {
                &mut self.direct
            } else {
                &mut self.rest
            };
            *tables.get_mut(usize::from(place & 15))? =
                HuffmanCodes::new(counts, rest.get(..total)?);
            content = &rest[total..];
        }
        Some(())
    }

    fn scan(&mut self, content: &[u8]) -> Option<()> {
        let (&count, content) = content.split_first()?;
        let (stated, band) = content.split_at_checked(2 * usize::from(count))?;
        let mut parts = Vec::new();
        for stated in stated.chunks_exact(2) {
            let plane = self
                .planes
                .iter()
                .position(|plane| plane.name == stated[0])?;
            let (direct, rest) = (usize::from(stated[1] >> 4), usize::from(stated[1] & 15));
            if direct > 3 || rest > 3 {
                return None;
            }
            self.planes[plane].scanned = true;
            parts.push(Part {
                plane,
                direct,
                rest,
            });
        }
        let &[first, last, bits] = band.first_chunk()?;
        let band = match self.progressive {
            true => Band {
                first: first.into(),
                last: last.into(),
                refines: bits >> 4 != 0,
            },
            false => Band {
                first: 0,
                last: 63,
                refines: false,
            },
        };
        if band.first > band.last || band.last > 63 {
            return None;
        }
        // A component alone comes block by block, without those of whole units.
        let alone = parts.len() == 1;
        let (across, down) = match &parts[..] {
            [] => return None,
            [part] => (self.planes[part.plane].across, self.planes[part.plane].down),
            _ => self.units,
        };
        let mut bits = ScanBits::new(self.bytes, self.at);
        // Blocks that have nothing more in this band.
        let mut ended = 0;
        for unit in 0..across * down {
            if self.interval > 0 && unit > 0 && unit % self.interval == 0 {
                bits.restart((unit / self.interval - 1) % 8)?;
                ended = 0;
            }
            let (x, y) = (unit % across, unit / across);
            for part in &parts {
                let plane = &mut self.planes[part.plane];
                let (wide, high) = if alone { (1, 1) } else { plane.factors };
                let (direct, rest) = (&self.direct[part.direct], &self.rest[part.rest]);
                for block in 0..wide * high {
                    let row = y * high + block / wide;
                    let at = row * plane.stride + x * wide + block % wide;
                    match plane.filled.get_mut(at) {
                        None => bits.block(direct, rest)?,
                        Some(_) if band.first == 0 && band.refines => bits.skip(1)?,
                        Some(_) if band.first == 0 => bits.direct(direct)?,
                        Some(filled) if band.refines => {
                            bits.refine(rest, &band, filled, &mut ended)?;
                        }
                        Some(filled) => bits.band(rest, &band, filled, &mut ended)?,
                    }
                }
            }
        }
        self.at = bits.end()?;
        Some(())
    }
}

fn u16_of(bytes: &[u8]) -> Option<u16> {
    bytes.first_chunk().map(|&two| u16::from_be_bytes(two))
}

#[cfg(test)]
mod tests;
