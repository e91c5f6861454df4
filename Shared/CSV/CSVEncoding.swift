import CCSV

#if canImport(Glibc)
    import Glibc
#endif

/// How a CSV file's bytes are to be read.
public enum CSVEncoding: Sendable, Hashable {
    /// By byte-order mark; without one UTF-8 when the first bytes beyond ASCII are UTF-8, else GB18030 (Chinese Excel).
    case detect
    case utf8
    /// With a byte-order mark of either order; without one little-endian.
    case utf16
    case gb18030

    /// From the name people write: `utf-8`, `UTF8`, `utf-16`, `gb18030`, `gbk`, `gb2312`.
    public init?(name: String) {
        switch name.lowercased().filter({ $0 != "-" && $0 != "_" }) {
        case "", "auto", "detect": self = .detect
        case "utf8", "utf8bom", "ascii", "usascii": self = .utf8
        case "utf16", "utf16le", "utf16be": self = .utf16
        case "gb18030", "gbk", "gb2312", "cp936": self = .gb18030
        default: return nil
        }
    }
}

/// Turns a stream of bytes of some encoding into UTF-8, chunk by chunk.
///
/// What cannot be converted comes out as the byte `0xFF`, which no UTF-8 text contains: the parser then reports the
/// row in which it stands, and the rest of the file is read on.
struct CSVDecoder: ~Copyable {
    private enum State {
        case start
        /// Without a mark and only ASCII so far.
        case plain
        case utf8
        case iconv(iconv_t)
    }

    private var state = State.start
    private var declared: CSVEncoding
    /// Bytes seen but not yet decided or not yet a whole character.
    private var pending: [UInt8] = []
    /// Bytes beyond ASCII that are looked at before UTF-8 and GB18030 are told apart.
    private static let sample = 4096

    init(_ declared: CSVEncoding) { self.declared = declared }

    deinit {
        if case .iconv(let handle) = state { iconv_close(handle) }
    }

    /// The encoding in use, once known.
    var name: String {
        switch state {
        case .start, .plain, .utf8: "UTF-8"
        case .iconv: declared == .utf16 ? "UTF-16" : "GB18030"
        }
    }

    /// - Parameter last: no more bytes follow.
    mutating func decode(_ chunk: [UInt8], last: Bool) -> [UInt8] {
        if case .utf8 = state, pending.isEmpty { return chunk }
        pending += chunk
        if case .start = state {
            guard pending.count >= 3 || last else { return [] }
            start()
        }
        switch state {
        case .utf8: return takePending()
        case .iconv(let handle): return convert(handle, last: last)
        case .start, .plain: break
        }
        // ASCII is the same in both encodings and goes through at once.
        guard let beyond = pending.firstIndex(where: { $0 >= 0x80 }) else { return takePending() }
        guard pending.count - beyond >= Self.sample || last else {
            let ascii = Array(pending[..<beyond])
            pending.removeFirst(beyond)
            return ascii
        }
        if Self.looksLikeUTF8(
            pending[beyond...].prefix(Self.sample), complete: last && pending.count - beyond <= Self.sample)
        {
            state = .utf8
            return takePending()
        }
        open(.gb18030, "GB18030")
        return decode([], last: last)
    }

    private mutating func start() {
        let isUTF16 = pending.starts(with: [0xFF, 0xFE]) || pending.starts(with: [0xFE, 0xFF])
        switch declared {
        case .detect where isUTF16, .utf16:
            let bigEndian = pending.first == 0xFE
            if isUTF16 { pending.removeFirst(2) }
            open(.utf16, bigEndian ? "UTF-16BE" : "UTF-16LE")
        case .gb18030: open(.gb18030, "GB18030")
        case .detect, .utf8:
            let marked = pending.starts(with: [0xEF, 0xBB, 0xBF])
            if marked { pending.removeFirst(3) }
            state = marked || declared == .utf8 ? .utf8 : .plain
        }
    }

    private mutating func open(_ encoding: CSVEncoding, _ name: String) {
        declared = encoding
        let handle = iconv_open("UTF-8", name)
        // glibc has all three built in or as gconv modules; without the module bytes are read as UTF-8 and reported.
        state = handle == iconv_t(bitPattern: -1) ? .utf8 : handle.map(State.iconv) ?? .utf8
    }

    private mutating func takePending() -> [UInt8] {
        defer { pending = [] }
        return pending
    }

    private mutating func convert(_ handle: iconv_t, last: Bool) -> [UInt8] {
        // A sign is two bytes there: behind one byte nothing would be read any more.
        let unit = declared == .utf16 ? 2 : 1
        var output: [UInt8] = []
        output.reserveCapacity(pending.count * 2)
        let used = pending.withUnsafeMutableBufferPointer { source in
            withUnsafeTemporaryAllocation(of: CChar.self, capacity: 16_384) { buffer in
                Self.convert(handle, source, buffer, unit: unit, last: last) { output += $0 }
            }
        }
        pending.removeFirst(used)
        return output
    }

    /// Converts as much as there is of whole characters; answers how many bytes that were. Goes along the bytes once,
    /// whatever is wrong with them.
    private static func convert(
        _ handle: iconv_t, _ source: UnsafeMutableBufferPointer<UInt8>, _ buffer: UnsafeMutableBufferPointer<CChar>,
        unit: Int, last: Bool, _ give: (UnsafeRawBufferPointer) -> Void
    ) -> Int {
        guard let base = source.baseAddress else { return 0 }
        return base.withMemoryRebound(to: CChar.self, capacity: source.count) { start in
            var used = 0
            while used < source.count {
                var (from, fromLeft): (UnsafeMutablePointer<CChar>?, Int) = (start + used, source.count - used)
                var (to, toLeft) = (buffer.baseAddress, buffer.count)
                let result = iconv(handle, &from, &fromLeft, &to, &toLeft)
                let code = result == Int(bitPattern: UInt.max) ? errno : 0
                used = source.count - fromLeft
                give(UnsafeRawBufferPointer(start: buffer.baseAddress, count: buffer.count - toLeft))
                if code == 0 || code == E2BIG { continue }
                if code == EINVAL, !last { break }  // a character cut by the end of the chunk
                withUnsafeBytes(of: UInt8(0xFF)) { give($0) }
                used = min(used + unit, source.count)
            }
            return used
        }
    }

    /// Whether most of what is beyond ASCII is UTF-8: one character that was cut is a fault of its row, not of the file.
    ///
    /// - Parameter complete: false when a character may be cut at the end.
    private static func looksLikeUTF8(_ bytes: ArraySlice<UInt8>, complete: Bool) -> Bool {
        var (good, bad) = (0, 0)
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars where !scalar.isASCII {
            if scalar == "\u{FFFD}" { bad += 1 } else { good += 1 }
        }
        // The last may only be cut.
        if !complete, bad > 0 { bad -= 1 }
        // Of other encodings some characters are by chance characters of UTF-8, too.
        return good > 4 * bad || bad == 0
    }
}
