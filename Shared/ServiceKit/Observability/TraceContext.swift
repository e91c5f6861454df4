import Values

/// The W3C trace context of a request or event: which trace it belongs to and which span caused it.
///
/// The current one is task-local, so that what a request does (queries, calls, events, log lines) carries it along.
public struct TraceContext: Sendable, Hashable {
    /// 128 bits, never all zero.
    public let traceID: (high: UInt64, low: UInt64)
    /// The span that this context names as its own, never zero.
    public let spanID: UInt64
    /// Whether the caller records this trace.
    public let isSampled: Bool

    /// The root of a new trace.
    public init(isSampled: Bool = true) {
        var generator = BufferedRandomNumberGenerator()
        traceID = (.random(in: 0 ... .max, using: &generator), .random(in: 1 ... .max, using: &generator))
        spanID = .random(in: 1 ... .max, using: &generator)
        self.isSampled = isSampled
    }

    private init(traceID: (UInt64, UInt64), spanID: UInt64, isSampled: Bool) {
        (self.traceID, self.spanID, self.isSampled) = (traceID, spanID, isSampled)
    }

    /// Reads a `traceparent` header; nil when it is not valid, upon which a new trace begins.
    ///
    /// As the recommendation asks, later versions are read by the fields this one knows.
    public init?(traceparent: String) {
        let text = Array(traceparent.utf8)
        guard text.count >= 55, text[2] == 0x2D, text[35] == 0x2D, text[52] == 0x2D,
            let version = Self.hexadecimal(text[0..<2]), version != 0xFF,
            version == 0 ? text.count == 55 : text.count == 55 || text[55] == 0x2D,
            let high = Self.hexadecimal(text[3..<19]), let low = Self.hexadecimal(text[19..<35]),
            let span = Self.hexadecimal(text[36..<52]), let flags = Self.hexadecimal(text[53..<55]),
            high | low != 0, span != 0
        else { return nil }
        self.init(traceID: (high, low), spanID: span, isSampled: flags & 1 == 1)
    }

    /// The header's text, `00-<trace id>-<span id>-<flags>`.
    public var traceparent: String {
        var text = Array("00-".utf8)
        text.reserveCapacity(55)
        for value in [traceID.high, traceID.low] { Self.append(value, to: &text) }
        text.append(UInt8(ascii: "-"))
        Self.append(spanID, to: &text)
        text += (isSampled ? "-01" : "-00").utf8
        return String(decoding: text, as: UTF8.self)
    }

    /// The trace id as 32 hexadecimal digits, as log lines show it.
    public var traceIDText: String {
        var text: [UInt8] = []
        for value in [traceID.high, traceID.low] { Self.append(value, to: &text) }
        return String(decoding: text, as: UTF8.self)
    }

    /// A new span in the same trace.
    public func child() -> TraceContext {
        var generator = BufferedRandomNumberGenerator()
        return TraceContext(traceID: traceID, spanID: .random(in: 1 ... .max, using: &generator), isSampled: isSampled)
    }

    public static func == (left: TraceContext, right: TraceContext) -> Bool {
        left.traceID == right.traceID && left.spanID == right.spanID && left.isSampled == right.isSampled
    }

    public func hash(into hasher: inout Hasher) {
        hasher.combine(traceID.low)
        hasher.combine(spanID)
    }

    /// Lower-case digits only: upper case is not valid in a traceparent.
    private static func hexadecimal(_ digits: ArraySlice<UInt8>) -> UInt64? {
        var value: UInt64 = 0
        for digit in digits {
            switch digit {
            case 0x30...0x39: value = value << 4 | UInt64(digit - 0x30)
            case 0x61...0x66: value = value << 4 | UInt64(digit - 0x61 + 10)
            default: return nil
            }
        }
        return value
    }

    private static func append(_ value: UInt64, to text: inout [UInt8]) {
        for shift in stride(from: 60, through: 0, by: -4) {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(shift) & 15)
            text.append(digit < 10 ? 0x30 + digit : 0x61 + digit - 10)
        }
    }
}
