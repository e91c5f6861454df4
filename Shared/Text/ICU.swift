import CICU
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

/// ICU's `NFKC_Casefold`: full-width becomes half-width, capitals small, compatibility forms plain, invisible
/// characters are gone. `"ＡＢＣ株"` and `"abc株"` are then the same text.
///
/// Pure ASCII, by far the most common, never reaches ICU.
public func foldedText(_ text: String) -> String {
    if text.utf8.allSatisfy({ $0 < 0x80 }) { return text.lowercased() }
    // The normalizer is a shared, unmodifiable singleton of ICU: any thread may use it.
    return takeUTF8(text) { cicu_fold($0, $1, $2) } ?? text.lowercased()
}

/// An opened ICU transliterator. ICU documents no thread rule for `utrans_*`, so a lock makes the proof trivial; one
/// name takes a few microseconds.
final class Transliterator: Sendable {
    private struct Handle: ~Copyable {
        let pointer: UnsafeMutableRawPointer?
        deinit { if let pointer { cicu_transliterator_close(pointer) } }
    }

    private let handle: Mutex<Handle>

    /// - Parameter id: an ICU transform, for example `Han-Latin/Names`; an unknown one leaves text unchanged.
    init(_ id: String) {
        handle = Mutex(Handle(pointer: cicu_transliterator_open(id)))
    }

    func apply(_ text: String) -> String {
        handle.withLock { handle in
            guard let pointer = handle.pointer else { return text }
            return takeUTF8(text) { cicu_transliterate(pointer, $0, $1, $2) } ?? text
        }
    }
}

typealias CTextFunction = (UnsafePointer<CChar>, Int32, UnsafeMutablePointer<Int32>) -> UnsafeMutablePointer<CChar>?

/// Calls a C function that takes UTF-8 and returns malloc'd bytes, which are copied and freed.
func takeBytes(_ text: String, _ function: CTextFunction) -> [UInt8]? {
    var text = text
    return text.withUTF8 { utf8 in
        guard let base = utf8.baseAddress, let count = Int32(exactly: utf8.count) else { return nil }
        return base.withMemoryRebound(to: CChar.self, capacity: utf8.count) { bytes in
            var length: Int32 = 0
            guard let result = function(bytes, count, &length) else { return nil }
            defer { free(result) }
            return [UInt8](UnsafeRawBufferPointer(start: result, count: Int(length)))
        }
    }
}

func takeUTF8(_ text: String, _ function: CTextFunction) -> String? {
    takeBytes(text, function).map { String(decoding: $0, as: UTF8.self) }
}
