//! Worlds that render themselves, as commands name them.

use crate::error::{Error, Result};
use crate::rng::Seed;
use crate::video::worlds::digits::Taken;
use crate::video::worlds::{Digits, Fork, Galton, Occlusion, World};
use std::path::PathBuf;

/// Which world.
#[derive(Debug, Clone, clap::Args)]
pub struct WorldArgs {
    /// The world
    #[arg(value_enum)]
    pub world: Name,
    /// The images of `digits`: MNIST's train-images-idx3-ubyte, gzipped or not
    #[arg(long, value_name = "PATH")]
    pub images: Option<PathBuf>,
    /// Frames of each sequence of `digits`
    #[arg(long, value_name = "N", default_value = "25")]
    pub length: std::num::NonZeroUsize,
}

/// The world that rendered a run's footage.
#[derive(Debug, Clone, clap::Args)]
pub struct RenderedArgs {
    /// The world whose film `synth` rendered the footage is: a perfect sampler of it is
    /// compared too
    #[arg(long, value_enum, value_name = "WORLD")]
    pub world: Option<Name>,
    /// The images of --world digits
    #[arg(long, value_name = "PATH", requires = "world")]
    pub images: Option<PathBuf>,
    /// Frames of each sequence of --world digits
    #[arg(long, value_name = "N", default_value = "25", requires = "world")]
    pub length: std::num::NonZeroUsize,
    /// The seed that `synth` took
    #[arg(long, value_name = "S", default_value_t = 0, requires = "world")]
    pub world_seed: u64,
}

impl RenderedArgs {
    /// The world, where one is named.
    ///
    /// # Errors
    /// As [`WorldArgs::make`].
    pub fn make(&self) -> Result<Option<Box<dyn World>>> {
        let made = self.world.map(|world| {
            let args = WorldArgs {
                world,
                images: self.images.clone(),
                length: self.length,
            };
            args.make(Taken::Training, Seed(self.world_seed))
        });
        made.transpose()
    }
}

/// What can be rendered, in 64x64 pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Name {
    /// Balls fall through pegs, left or right by a fair coin
    Galton,
    /// Vehicles turn left, right or go on at a junction, with probabilities 0.2,
    /// 0.3 and 0.5
    Fork,
    /// Balls fly behind a wall and come out as fast as they went in
    Occlusion,
    /// Stochastic Moving MNIST: two digits bounce off the walls, each time one of
    /// 36 ways (grey)
    Digits,
}

impl WorldArgs {
    /// The name as the command line has it.
    pub fn name(&self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self.world);
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The world of `seed`; of `digits`, those of the images that are `taken`.
    ///
    /// # Errors
    /// `digits` without images, or with a file that is none.
    pub fn make(&self, taken: Taken, seed: Seed) -> Result<Box<dyn World>> {
        Ok(match self.world {
            Name::Galton => Box::new(Galton::new(seed)),
            Name::Fork => Box::new(Fork::new(seed)),
            Name::Occlusion => Box::new(Occlusion::new(seed)),
            Name::Digits => {
                let images = self.images.as_ref().ok_or_else(|| {
                    Error::input(
                        "digits",
                        "no images are named",
                        "add --images train-images-idx3-ubyte.gz, the file of MNIST",
                    )
                })?;
                Box::new(Digits::new(images, taken, self.length.get(), seed)?)
            }
        })
    }
}
