//! Vectors of f32 in the widest registers of this machine, for kernels that
//! keep their sums in registers by hand.

/// As many f32 as a register holds.
pub(super) trait Vector: Copy {
    /// How many.
    const WIDTH: usize;

    /// All 0.
    fn zero() -> Self;

    /// # Safety
    /// `WIDTH` values can be read, and this machine has these registers.
    unsafe fn load(from: *const f32) -> Self;

    /// One value in all places.
    ///
    /// # Safety
    /// One value can be read, and this machine has these registers.
    unsafe fn splat(from: *const f32) -> Self;

    /// self + a·b.
    ///
    /// # Safety
    /// This machine has these registers.
    unsafe fn add_product(self, a: Self, b: Self) -> Self;

    /// # Safety
    /// `WIDTH` values can be written, and this machine has these registers.
    unsafe fn store(self, to: *mut f32);
}

/// Work that is written once for all vectors. `run` is to be
/// `#[inline(always)]`, and all that it calls: so it becomes part of a function
/// that is compiled for the vector's instructions.
pub(super) trait Kernel {
    /// # Safety
    /// This machine has the vector's registers; the rest is the kernel's own.
    unsafe fn run<V: Vector>(&self);
}

/// `WIDTH` of the vector that [`run`] chooses.
pub(super) fn width() -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        use super::kernel::{Instructions, instructions};
        match instructions() {
            Instructions::Avx512 => return 16,
            Instructions::Avx2 => return 8,
            Instructions::Plain => {}
        }
    }
    Plain::WIDTH
}

/// Runs a kernel on this machine's vectors.
///
/// # Safety
/// As the kernel's own `run`.
pub(super) unsafe fn run(kernel: &impl Kernel) {
    #[cfg(target_arch = "x86_64")]
    {
        use super::kernel::{Instructions, instructions};
        use std::arch::x86_64::{__m256, __m512};

        #[target_feature(enable = "avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")]
        unsafe fn avx512(kernel: &impl Kernel) {
            // SAFETY: the caller's promise.
            unsafe { kernel.run::<__m512>() }
        }
        #[target_feature(enable = "avx2,fma")]
        unsafe fn avx2(kernel: &impl Kernel) {
            // SAFETY: the caller's promise.
            unsafe { kernel.run::<__m256>() }
        }
        match instructions() {
            // SAFETY: this machine has them; the rest is the caller's promise.
            Instructions::Avx512 => return unsafe { avx512(kernel) },
            // SAFETY: as above.
            Instructions::Avx2 => return unsafe { avx2(kernel) },
            Instructions::Plain => {}
        }
    }
    // SAFETY: every machine has these; the rest is the caller's promise.
    unsafe { kernel.run::<Plain>() }
}

/// What every machine has; the compiler makes of it what it can.
#[derive(Clone, Copy)]
pub(super) struct Plain([f32; 4]);

impl Vector for Plain {
    const WIDTH: usize = 4;

    #[inline(always)]
    fn zero() -> Self {
        Self([0.0; 4])
    }

    #[inline(always)]
    unsafe fn load(from: *const f32) -> Self {
        // SAFETY: the caller's promise; an array of f32 is aligned as f32.
        Self(unsafe { *from.cast() })
    }

    #[inline(always)]
    unsafe fn splat(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        Self([unsafe { *from }; 4])
    }

    #[inline(always)]
    unsafe fn add_product(mut self, a: Self, b: Self) -> Self {
        const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));
        let mut i = 0;
        while i < 4 {
            self.0[i] = super::kernel::multiply_add::<FUSED>(a.0[i], b.0[i], self.0[i]);
            i += 1;
        }
        self
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { *to.cast() = self.0 }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Vector;
    use std::arch::x86_64::*;

    macro_rules! vector {
        ($name:ident, $width:literal, $load:ident, $splat:ident, $fma:ident, $store:ident) => {
            impl Vector for $name {
                const WIDTH: usize = $width;

                #[inline(always)]
                fn zero() -> Self {
                    // SAFETY: all bits 0 are a vector of zeros.
                    unsafe { std::mem::zeroed() }
                }

                #[inline(always)]
                unsafe fn load(from: *const f32) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $load(from) }
                }

                #[inline(always)]
                unsafe fn splat(from: *const f32) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $splat(*from) }
                }

                #[inline(always)]
                unsafe fn add_product(self, a: Self, b: Self) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $fma(a, b, self) }
                }

                #[inline(always)]
                unsafe fn store(self, to: *mut f32) {
                    // SAFETY: the caller's promise.
                    unsafe { $store(to, self) }
                }
            }
        };
    }
    vector!(
        __m512,
        16,
        _mm512_loadu_ps,
        _mm512_set1_ps,
        _mm512_fmadd_ps,
        _mm512_storeu_ps
    );
    vector!(
        __m256,
        8,
        _mm256_loadu_ps,
        _mm256_set1_ps,
        _mm256_fmadd_ps,
        _mm256_storeu_ps
    );
}
