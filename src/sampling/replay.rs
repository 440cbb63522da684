//! Chains that are kept over many updates of an energy, of which a few go on at each.

use crate::error::{Error, Result};
use crate::rng::Rng;
use candle_core::Tensor;
use std::collections::HashMap;

/// A buffer of chains' places, each with what is held beside it (Du & Mordatch 2019): more
/// chains than one update could move, so that each is old when it is seen again. A share
/// of those that are taken begins anew, so that none is stuck for ever.
#[derive(Debug, Clone)]
pub struct Replay {
    capacity: usize,
    restart: f64,
    kept: Vec<Chain>,
}

/// Where a chain is, and what is held there: tensors of one sample, without the batch.
#[derive(Debug, Clone)]
pub struct Chain {
    /// x.
    pub held: Tensor,
    /// v.
    pub place: Tensor,
}

/// A chain on its way: to be put back where it was taken from.
#[derive(Debug, Clone)]
pub struct Taken {
    /// A place in the buffer; none for a new one at its end.
    slot: Option<usize>,
    /// The chain, unless it is to begin anew.
    pub chain: Option<Chain>,
}

impl Taken {
    /// The same chain where it is now.
    pub fn moved(&self, held: Tensor, place: Tensor) -> Self {
        Self {
            slot: self.slot,
            chain: Some(Chain { held, place }),
        }
    }
}

impl Replay {
    /// Room for `capacity` chains; `restart` in [0, 1] of those taken begin anew.
    pub fn new(capacity: usize, restart: f64) -> Self {
        Self {
            capacity: capacity.max(1),
            restart,
            kept: Vec::new(),
        }
    }

    /// Chains that are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// `count` chains to go on from; until the buffer is full, half of them are new.
    pub fn take(&self, count: usize, rng: &mut Rng) -> Vec<Taken> {
        let full = self.kept.len() >= self.capacity;
        let take = |index: usize| {
            let old = (full || index % 2 == 1) && !self.kept.is_empty();
            let slot = old.then(|| rng.below(self.kept.len()));
            let goes_on = rng.uniform() >= self.restart;
            let chain = slot.filter(|_| goes_on).map(|slot| self.kept[slot].clone());
            Taken { slot, chain }
        };
        (0..count).map(take).collect()
    }

    /// Puts back a chain where it is now.
    pub fn put(&mut self, taken: &Taken) -> Result<()> {
        let Some(chain) = &taken.chain else {
            return Ok(());
        };
        // Copies: a row of a batch would keep the batch.
        let chain = Chain {
            held: chain.held.copy()?.detach(),
            place: chain.place.copy()?.detach(),
        };
        match taken.slot {
            Some(slot) if slot < self.kept.len() => self.kept[slot] = chain,
            _ if self.kept.len() < self.capacity => self.kept.push(chain),
            _ => {}
        }
        Ok(())
    }

    /// As tensors for a checkpoint, by names that start with `prefix`; none where it is
    /// empty.
    pub fn tensors(&self, prefix: &str) -> Result<Vec<(String, Tensor)>> {
        if self.kept.is_empty() {
            return Ok(Vec::new());
        }
        let stack = |of: fn(&Chain) -> &Tensor| {
            Tensor::stack(&self.kept.iter().map(of).collect::<Vec<_>>(), 0)
        };
        Ok(vec![
            (format!("{prefix}.{HELD}"), stack(|chain| &chain.held)?),
            (format!("{prefix}.{PLACES}"), stack(|chain| &chain.place)?),
        ])
    }

    /// From tensors that [`Self::tensors`] made.
    ///
    /// # Errors
    /// One of the two without the other, or of another number.
    pub fn load(&mut self, tensors: &HashMap<String, Tensor>, prefix: &str) -> Result<()> {
        let of = |name: &str| tensors.get(&format!("{prefix}.{name}"));
        let (held, places) = match (of(HELD), of(PLACES)) {
            (None, None) => {
                self.kept.clear();
                return Ok(());
            }
            (Some(held), Some(places)) if held.dim(0)? == places.dim(0)? => (held, places),
            _ => {
                return Err(Error::input(
                    format!("{prefix}.{PLACES}"),
                    "the chains and what is held beside them do not belong together",
                    "resume from another checkpoint, or train anew",
                ));
            }
        };
        let count = held.dim(0)?.min(self.capacity);
        let chain = |index: usize| {
            Ok(Chain {
                held: held.get(index)?,
                place: places.get(index)?,
            })
        };
        self.kept = (0..count).map(chain).collect::<Result<_>>()?;
        Ok(())
    }
}

/// The names of a buffer's tensors.
const HELD: &str = "replay.held";
const PLACES: &str = "replay.places";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Seed;
    use candle_core::Device;

    fn number(value: f32) -> Tensor {
        Tensor::new(&[value], &Device::Cpu).unwrap()
    }

    fn values(replay: &Replay) -> Vec<f32> {
        let value = |chain: &Chain| chain.place.to_vec1::<f32>().unwrap()[0];
        replay.kept.iter().map(value).collect()
    }

    #[test]
    fn chains_go_on_where_they_were_and_some_begin_anew() {
        let mut replay = Replay::new(50, 0.2);
        let mut rng = Seed(1).stream("test", 0);
        assert!(replay.take(4, &mut rng).iter().all(|t| t.chain.is_none()));
        let (mut new, mut all) = (0, 0);
        for _ in 0..200 {
            let taken = replay.take(8, &mut rng);
            let full = replay.len() == 50;
            for one in taken {
                let age = match &one.chain {
                    Some(chain) => chain.place.to_vec1::<f32>().unwrap()[0],
                    None => 0.0,
                };
                if full {
                    all += 1;
                    new += usize::from(one.chain.is_none());
                }
                replay
                    .put(&one.moved(number(7.0), number(age + 1.0)))
                    .unwrap();
            }
        }
        assert_eq!(replay.len(), 50);
        let share = new as f64 / all as f64;
        // Of about 1,500, a standard error of 0.01.
        assert!((share - 0.2).abs() < 0.05, "{share}");
        // A chain is seen 1 / 0.2 times on average, the one that is kept too.
        let age = values(&replay).iter().sum::<f32>() / 50.0;
        assert!((2.0..9.0).contains(&age), "{age}");
    }

    #[test]
    fn it_survives_a_checkpoint() {
        let mut replay = Replay::new(3, 0.0);
        assert!(replay.tensors("z").unwrap().is_empty());
        let mut rng = Seed(1).stream("test", 0);
        for value in 0..3 {
            let taken = replay.take(1, &mut rng).remove(0);
            replay
                .put(&taken.moved(number(0.0), number(value as f32)))
                .unwrap();
        }
        let mut tensors: HashMap<_, _> = replay.tensors("z").unwrap().into_iter().collect();
        let mut again = Replay::new(3, 0.0);
        again.load(&tensors, "z").unwrap();
        assert_eq!(values(&again), [0.0, 1.0, 2.0]);
        tensors.remove("z.replay.held");
        let said = again.load(&tensors, "z").unwrap_err().to_string();
        assert!(said.contains("z.replay.places"), "{said}");
    }
}
