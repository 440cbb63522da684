//! FFmpeg itself: started once; what it says is counted, not printed.

use ffmpeg_next::ffi;
use std::cell::Cell;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Messages about damage, of all of FFmpeg in this process.
static ERRORS: AtomicUsize = AtomicUsize::new(0);

/// How decoders that repair a picture report it, at the level of news.
const REPAIRED: &[u8] = b"concealing ";

/// How a Matroska file that is cut off reports it, before an end like others.
const EARLY: &[u8] = b"File ended prematurely";

thread_local! {
    static ENDED_EARLY: Cell<bool> = const { Cell::new(false) };
}

/// Makes FFmpeg ready. From then on its messages are not printed: what a user
/// must know, the frames and errors of this crate say.
pub fn start() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        // It only fails where memory is out, and then opening says so too.
        let _ = ffmpeg_next::init();
        // SAFETY: the function lives as long as the process, may be called by
        // any thread, and reads of what it is given the level and the text.
        unsafe { ffi::av_log_set_callback(Some(hear)) };
    });
}

/// How many errors and repairs FFmpeg has told of since [`start`], those of
/// other files read at the same time included.
pub fn errors() -> usize {
    ERRORS.load(Ordering::Acquire)
}

/// Whether this thread has read a file that is cut off, since it last asked.
pub fn ended_early() -> bool {
    ENDED_EARLY.take()
}

/// `Words` is C's `va_list`, another type on each platform.
unsafe extern "C" fn hear<Words>(_: *mut c_void, level: c_int, form: *const c_char, _: Words) {
    // The bits above hold a colour; negative levels silence, none is sent.
    let error = level & 0xff <= ffi::AV_LOG_ERROR;
    // SAFETY: FFmpeg passes a text that ends in 0 and lives during this call.
    let form = (!form.is_null()).then(|| unsafe { CStr::from_ptr(form) });
    let says = |words| form.is_some_and(|form| form.to_bytes().starts_with(words));
    if error || says(REPAIRED) {
        ERRORS.fetch_add(1, Ordering::AcqRel);
    }
    if says(EARLY) {
        ENDED_EARLY.set(true);
    }
}
