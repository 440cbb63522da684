//! Vectors of f32 in the widest registers of this machine, for kernels that
//! keep their sums in registers by hand.

/// As many f32 as a register holds.
pub(super) trait Vector: Copy {
    /// How many.
    const WIDTH: usize;

    /// Whether fused multiply-add is an instruction.
    const FUSED: bool;

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

    /// The sums of `WIDTH` vectors that lie one after the other.
    ///
    /// # Safety
    /// They can be read, and this machine has these registers.
    unsafe fn fold(from: *const f32) -> Self;
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
    const FUSED: bool = cfg!(any(target_arch = "aarch64", target_feature = "fma"));

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
        let mut i = 0;
        while i < 4 {
            let (a, b) = (a.0[i], b.0[i]);
            self.0[i] = super::kernel::multiply_add::<{ Self::FUSED }>(a, b, self.0[i]);
            i += 1;
        }
        self
    }

    #[inline(always)]
    unsafe fn store(self, to: *mut f32) {
        // SAFETY: the caller's promise.
        unsafe { *to.cast() = self.0 }
    }

    #[inline(always)]
    unsafe fn fold(from: *const f32) -> Self {
        // SAFETY: the caller's promise.
        let vectors: [[f32; 4]; 4] = unsafe { *from.cast() };
        Self(vectors.map(|[a, b, c, d]| (a + b) + (c + d)))
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use super::Vector;
    use std::arch::x86_64::*;

    macro_rules! vector {
        ($name:ident, $width:literal, $load:ident, $splat:ident, $fma:ident, $store:ident, $fold:ident) => {
            impl Vector for $name {
                const WIDTH: usize = $width;
                const FUSED: bool = true;

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

                #[inline(always)]
                unsafe fn fold(from: *const f32) -> Self {
                    // SAFETY: the caller's promise.
                    unsafe { $fold(from) }
                }
            }
        };
    }

    // (No closures and no `map` below: what is compiled without these
    // instructions is not made part of what is compiled with them.)

    /// Of four vectors the sums within each four lanes: of a, b, c, d.
    ///
    /// # Safety
    /// They can be read, and this machine has AVX-512.
    #[inline(always)]
    unsafe fn four16(from: *const f32) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe {
            let (a, b) = (_mm512_loadu_ps(from), _mm512_loadu_ps(from.add(16)));
            let (c, d) = (_mm512_loadu_ps(from.add(32)), _mm512_loadu_ps(from.add(48)));
            let ab = _mm512_add_ps(_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let cd = _mm512_add_ps(_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            let (ab, cd) = (_mm512_castps_pd(ab), _mm512_castps_pd(cd));
            let low = _mm512_castpd_ps(_mm512_unpacklo_pd(ab, cd));
            _mm512_add_ps(low, _mm512_castpd_ps(_mm512_unpackhi_pd(ab, cd)))
        }
    }

    /// The even quarters of a and of b, plus the odd.
    ///
    /// # Safety
    /// This machine has AVX-512.
    #[inline(always)]
    unsafe fn halve16(a: __m512, b: __m512) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe {
            let even = _mm512_shuffle_f32x4::<0b10_00_10_00>(a, b);
            _mm512_add_ps(even, _mm512_shuffle_f32x4::<0b11_01_11_01>(a, b))
        }
    }

    /// # Safety
    /// 16 vectors can be read, and this machine has AVX-512.
    #[inline(always)]
    unsafe fn fold16(from: *const f32) -> __m512 {
        // SAFETY: the caller's promise.
        unsafe {
            let low = halve16(four16(from), four16(from.add(64)));
            let high = halve16(four16(from.add(128)), four16(from.add(192)));
            halve16(low, high)
        }
    }

    /// As [`four16`].
    ///
    /// # Safety
    /// They can be read, and this machine has AVX2.
    #[inline(always)]
    unsafe fn four8(from: *const f32) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe {
            let (a, b) = (_mm256_loadu_ps(from), _mm256_loadu_ps(from.add(8)));
            let (c, d) = (_mm256_loadu_ps(from.add(16)), _mm256_loadu_ps(from.add(24)));
            let ab = _mm256_add_ps(_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let cd = _mm256_add_ps(_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            let (ab, cd) = (_mm256_castps_pd(ab), _mm256_castps_pd(cd));
            let low = _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd));
            _mm256_add_ps(low, _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd)))
        }
    }

    /// # Safety
    /// 8 vectors can be read, and this machine has AVX2.
    #[inline(always)]
    unsafe fn fold8(from: *const f32) -> __m256 {
        // SAFETY: the caller's promise.
        unsafe {
            let (a, b) = (four8(from), four8(from.add(32)));
            let low = _mm256_permute2f128_ps::<0x20>(a, b);
            _mm256_add_ps(low, _mm256_permute2f128_ps::<0x31>(a, b))
        }
    }

    vector!(
        __m512,
        16,
        _mm512_loadu_ps,
        _mm512_set1_ps,
        _mm512_fmadd_ps,
        _mm512_storeu_ps,
        fold16
    );
    vector!(
        __m256,
        8,
        _mm256_loadu_ps,
        _mm256_set1_ps,
        _mm256_fmadd_ps,
        _mm256_storeu_ps,
        fold8
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_sums_each_vector() {
        struct Fold<'a> {
            from: &'a [f32],
            to: *mut f32,
        }
        impl Kernel for Fold<'_> {
            #[inline(always)]
            unsafe fn run<V: Vector>(&self) {
                assert_eq!(V::WIDTH, width());
                // SAFETY: there are so many vectors, and room for one.
                unsafe { V::fold(self.from.as_ptr()).store(self.to) }
            }
        }
        let width = width();
        let from: Vec<f32> = (0..width * width).map(|i| (i * i % 97) as f32).collect();
        let mut sums = vec![0f32; width];
        let kernel = Fold {
            from: &from,
            to: sums.as_mut_ptr(),
        };
        // SAFETY: the sizes are as the kernel asks.
        unsafe { run(&kernel) };
        let truth = |from: &[f32], width| -> Vec<f32> {
            from.chunks(width)
                .map(|vector| vector.iter().sum())
                .collect()
        };
        assert_eq!(sums, truth(&from, width));
        let plain = Fold {
            from: &from[..16],
            to: sums.as_mut_ptr(),
        };
        // SAFETY: every machine has these; there are 4 vectors of 4.
        unsafe { Plain::fold(plain.from.as_ptr()).store(plain.to) };
        assert_eq!(sums[..4], truth(&from[..16], 4));
    }
}
