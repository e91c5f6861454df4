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
        if Self.looksLikeUTF8(pending[beyond...], complete: last) {
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
        var output: [UInt8] = []
        output.reserveCapacity(pending.count * 2)
        var buffer = [CChar](repeating: 0, count: 16_384)
        var used = 0
        while used < pending.count {
            let (consumed, produced, code) = Self.step(handle, pending[used...], &buffer)
            used += consumed
            output += buffer[..<produced].lazy.map(UInt8.init(bitPattern:))
            if code == 0 || code == E2BIG { continue }
            if code == EINVAL, !last { break }  // a character cut by the end of the chunk
            output.append(0xFF)
            used += 1
        }
        pending.removeFirst(min(used, pending.count))
        return output
    }

    /// One call of `iconv`: bytes consumed, bytes produced, errno (0 = all converted).
    private static func step(
        _ handle: iconv_t, _ input: ArraySlice<UInt8>, _ buffer: inout [CChar]
    ) -> (consumed: Int, produced: Int, code: Int32) {
        var input = input.map { CChar(bitPattern: $0) }
        let inputCount = input.count
        let capacity = buffer.count
        return input.withUnsafeMutableBufferPointer { source in
            buffer.withUnsafeMutableBufferPointer { target in
                var from = source.baseAddress
                var fromLeft = inputCount
                var to = target.baseAddress
                var toLeft = capacity
                let result = iconv(handle, &from, &fromLeft, &to, &toLeft)
                let code = result == Int(bitPattern: UInt.max) ? errno : 0
                return (inputCount - fromLeft, capacity - toLeft, code)
            }
        }
    }

    /// - Parameter complete: false when a character may be cut at the end.
    private static func looksLikeUTF8(_ bytes: ArraySlice<UInt8>, complete: Bool) -> Bool {
        for cut in 0...(complete ? 0 : min(3, bytes.count - 1)) {
            let text = bytes.dropLast(cut)
            if text.withUnsafeBufferPointer({ String(validating: $0, as: UTF8.self) }) != nil { return true }
        }
        return false
    }
}
