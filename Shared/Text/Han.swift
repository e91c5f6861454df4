import COpenCC
import Synchronization

#if canImport(Glibc)
    import Glibc
#endif

extension Unicode.Scalar {
    /// A Chinese character of the blocks that names use (unified, extension A, compatibility, supplementary planes).
    public var isHan: Bool {
        switch value {
        case 0x4E00...0x9FFF, 0x3400...0x4DBF, 0xF900...0xFAFF, 0x20000...0x323AF: true
        default: false
        }
    }
}

extension StringProtocol {
    /// Whether any character is Chinese.
    public var containsHan: Bool { unicodeScalars.contains(where: \.isHan) }
}

/// Traditional to simplified Chinese through OpenCC's `t2s` (phrases first, then characters).
public enum Simplified {
    private static let converter = Converter()

    /// `"臺灣積體電路"` → `"台湾积体电路"`. Text without Chinese characters is returned as it is.
    public static func text(_ text: String) -> String {
        text.containsHan ? converter.convert(text) : text
    }

    /// The dictionaries are read once. OpenCC states no thread rule and keeps its last error in a global, so a lock.
    private final class Converter: Sendable {
        private struct Handle: ~Copyable {
            let pointer: opencc_t?
            deinit { if let pointer { _ = opencc_close(pointer) } }
        }

        private let handle: Mutex<Handle>

        init() {
            let opened = opencc_open("t2s.json")
            // The C interface answers (opencc_t)-1 when a dictionary is missing.
            handle = Mutex(Handle(pointer: opened == opencc_t(bitPattern: -1) ? nil : opened))
        }

        func convert(_ text: String) -> String {
            handle.withLock { handle in
                guard let pointer = handle.pointer else { return text }
                return takeUTF8(text) { bytes, count, length in
                    guard let result = opencc_convert_utf8(pointer, bytes, Int(count)) else { return nil }
                    // Allocated by C++ new[]; hand out a malloc'd copy, as the caller frees with free().
                    defer { opencc_convert_utf8_free(result) }
                    length.pointee = Int32(strlen(result))
                    return strdup(result)
                } ?? text
            }
        }
    }
}
