//! Which axis of an array of frames is what.

/// A frame's sides, and its pixels, at most.
const LONGEST_SIDE: usize = 16384;
const MOST_PIXELS: usize = 1 << 25;

/// Whether the first of the two outer axes is time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Sequences, each with its frames.
    SequencesFirst,
    /// Times, each with the frame of every sequence.
    TimeFirst,
    /// The shape does not say.
    Either,
}

/// What the axes of an array of frames are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    /// The lengths of the two outer axes.
    pub outer: [usize; 2],
    /// Which of them is time.
    pub order: Order,
    /// Frames of each sequence.
    pub length: usize,
    /// 1, 3 or 4.
    pub channels: usize,
    /// Whether a pixel's channels lie side by side; else each is a plane.
    pub interleaved: bool,
    /// Whether the planes lie outside of time: (N, C, T, H, W).
    pub planes_outside: bool,
    /// Rows of a frame.
    pub height: usize,
    /// Columns of a frame.
    pub width: usize,
}

impl Layout {
    /// The layout of an array of that shape, or why there is none.
    pub fn of(shape: &[usize]) -> Result<Self, String> {
        if shape.contains(&0) {
            return Err("it is empty".to_owned());
        }
        let colour = |axis: usize| matches!(axis, 1 | 3 | 4);
        let (outer, channels, interleaved, sides) = match *shape {
            [h, w, c] if colour(c) && h > 4 && w > 4 => ([1, 1], c, true, [h, w]),
            [h, w, t] if h == w && t != w => {
                return Err(format!(
                    "{t} frames of {h} × {w} with time last, or {h} frames of {w} × {t}, \
                     is not clear; (T,H,W,1) is"
                ));
            }
            [t, h, w] => ([1, t], 1, false, [h, w]),
            [t, c, h, w] if colour(c) && !colour(w) => ([1, t], c, false, [h, w]),
            [t, h, w, c] if colour(c) && !colour(h) => ([1, t], c, true, [h, w]),
            [c, t, ..] if shape.len() == 4 && matches!(c, 3 | 4) => {
                return Err(format!(
                    "{c} sequences of {t} grey frames, or {t} frames of {c} channels, is not clear"
                ));
            }
            [n, t, h, w] if !colour(w) => ([n, t], 1, false, [h, w]),
            [n, t, c, h, w] if colour(c) && !colour(w) => ([n, t], c, false, [h, w]),
            [n, t, h, w, c] if colour(c) && !colour(h) => ([n, t], c, true, [h, w]),
            [n, c, t, h, w] if colour(c) && !colour(w) => {
                let layout = Self::new([n, t], c, false, [h, w])?;
                return Ok(Self {
                    order: Order::SequencesFirst,
                    length: t,
                    planes_outside: true,
                    ..layout
                });
            }
            _ => return Err("which axes are time, height and width is not clear".to_owned()),
        };
        Self::new(outer, channels, interleaved, sides)
    }

    fn new(
        outer: [usize; 2],
        channels: usize,
        interleaved: bool,
        [height, width]: [usize; 2],
    ) -> Result<Self, String> {
        if height.max(width) > LONGEST_SIDE || height * width > MOST_PIXELS {
            return Err(format!("frames of {width} × {height} pixels"));
        }
        let order = match outer {
            [1, _] => Order::SequencesFirst,
            [_, 1] => Order::TimeFirst,
            _ => Order::Either,
        };
        Ok(Self {
            outer,
            order,
            length: outer[usize::from(order != Order::TimeFirst)],
            channels,
            interleaved,
            planes_outside: false,
            height,
            width,
        })
    }

    /// Settles the order by how much frames differ along the first axis and
    /// along the second: time moves on in small steps. Where that is not
    /// clear, the sizes say it: a set has many sequences of few frames.
    pub fn settle(&mut self, first: f64, second: f64) -> Result<(), String> {
        const CLEAR: f64 = 1.2;
        const MANY: usize = 10;
        let [one, two] = self.outer;
        self.order = if first * CLEAR < second {
            Order::TimeFirst
        } else if second * CLEAR < first {
            Order::SequencesFirst
        } else if one * MANY <= two {
            Order::TimeFirst
        } else if two * MANY <= one {
            Order::SequencesFirst
        } else {
            return Err(format!(
                "{one} sequences of {two} frames, or {two} of {one}, is not clear"
            ));
        };
        self.length = if self.order == Order::TimeFirst {
            one
        } else {
            two
        };
        Ok(())
    }

    /// How many frames there are in all.
    pub fn frames(&self) -> usize {
        self.outer[0] * self.outer[1]
    }

    /// The places of frame `index`: the first number and how many, of each piece
    /// that lies together. Frames are counted sequence by sequence.
    pub fn pieces(&self, index: usize) -> Vec<(usize, usize)> {
        let (sequence, time) = (index / self.length, index % self.length);
        let plane = self.height * self.width;
        if self.planes_outside {
            let place = |channel| (sequence * self.channels + channel) * self.length + time;
            let channels = 0..self.channels;
            return channels
                .map(|channel| (place(channel) * plane, plane))
                .collect();
        }
        let size = self.channels * plane;
        let place = match self.order {
            Order::TimeFirst => time * self.outer[1] + sequence,
            _ => index,
        };
        vec![(place * size, size)]
    }

    /// The layout in words.
    pub fn describe(&self) -> String {
        let order = match self.order {
            Order::TimeFirst => "time first, ",
            _ => "",
        };
        format!(
            "{} × {} frames ({order}{} {}), {} × {} pixels",
            self.frames() / self.length,
            self.length,
            self.channels,
            if self.channels == 1 {
                "channel"
            } else {
                "channels"
            },
            self.width,
            self.height
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_read_as_they_are_usually_meant() {
        // Sequences, frames of each, channels, height and width.
        let table: [(&[usize], [usize; 5]); 9] = [
            (&[20, 32, 48], [1, 20, 1, 32, 48]),
            (&[32, 48, 3], [1, 1, 3, 32, 48]),
            (&[20, 32, 48, 3], [1, 20, 3, 32, 48]),
            (&[20, 1, 32, 48], [1, 20, 1, 32, 48]),
            (&[1, 20, 32, 48], [1, 20, 1, 32, 48]),
            (&[20, 4, 32, 48], [1, 20, 4, 32, 48]),
            (&[1, 20, 3, 32, 48], [1, 20, 3, 32, 48]),
            (&[1, 20, 32, 48, 3], [1, 20, 3, 32, 48]),
            (&[7, 3, 20, 32, 48], [7, 20, 3, 32, 48]),
        ];
        for (shape, expected) in table {
            let layout = Layout::of(shape).unwrap();
            let sequences = layout.frames() / layout.length;
            let [c, h, w] = [layout.channels, layout.height, layout.width];
            assert_eq!([sequences, layout.length, c, h, w], expected, "{shape:?}");
        }
        let unclear: [&[usize]; 8] = [
            &[64, 64, 20],
            &[3, 20, 32, 48],
            &[5, 3, 20, 3],
            &[64, 64],
            &[7],
            &[2, 0, 4],
            &[2, 2, 2, 2, 2, 2],
            &[2, 100_000, 8],
        ];
        for shape in unclear {
            assert!(Layout::of(shape).is_err(), "{shape:?}");
        }
    }

    #[test]
    fn two_outer_axes_are_settled_by_likeness_and_then_by_size() {
        let settled = |shape: [usize; 2], first, second| {
            let mut layout = Layout::of(&[shape[0], shape[1], 32, 48]).unwrap();
            assert_eq!(layout.order, Order::Either);
            layout
                .settle(first, second)
                .map(|()| (layout.order, layout.length))
        };
        assert_eq!(settled([20, 5], 1.0, 2.0), Ok((Order::TimeFirst, 20)));
        assert_eq!(settled([20, 5], 2.0, 1.0), Ok((Order::SequencesFirst, 5)));
        assert_eq!(settled([20, 900], 1.0, 1.0), Ok((Order::TimeFirst, 20)));
        assert_eq!(
            settled([900, 20], 1.0, 1.0),
            Ok((Order::SequencesFirst, 20))
        );
        assert!(settled([20, 20], 1.0, 1.0).is_err());
    }

    #[test]
    fn planes_outside_of_time_are_read_one_by_one() {
        let layout = Layout::of(&[2, 3, 5, 8, 9]).unwrap();
        // The second sequence's frame 1.
        let planes = [3, 4, 5].map(|plane| ((plane * 5 + 1) * 72, 72));
        assert_eq!(layout.pieces(6), planes);
    }
}
