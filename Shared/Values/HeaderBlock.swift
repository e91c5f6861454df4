/// One named header of a record; names may repeat, order is kept.
public struct EventHeader: Sendable, Hashable {
    public var name: String
    public var value: [UInt8]

    public init(_ name: String, _ value: [UInt8]) {
        self.name = name
        self.value = value
    }

    public init(_ name: String, _ value: String) { self.init(name, Array(value.utf8)) }
}

/// The headers of a record in one piece of memory: of each the length of the name, the name, the length of the value, the
/// value; lengths are four bytes, big-endian. A record has a dozen, which as values of their own were most of what it cost
/// to pass one on.
public struct HeaderBlock: Sendable, Hashable {
    /// The coding, which tables keep as it is.
    public private(set) var bytes: [UInt8] = []

    /// - Parameter minimumCapacity: bytes, where they are known.
    public init(minimumCapacity: Int = 0) { bytes.reserveCapacity(minimumCapacity) }

    /// What another block's ``bytes`` were. What is cut off at the end is left out.
    public init(bytes: [UInt8]) { self.bytes = bytes }

    public init(_ headers: some Sequence<EventHeader>) {
        for header in headers { header.value.withUnsafeBytes { append(header.name, $0) } }
    }

    public mutating func append(_ name: String, _ value: String) {
        var value = value
        value.withUTF8 { append(name, UnsafeRawBufferPointer($0)) }
    }

    public mutating func append(_ name: String, _ value: UnsafeRawBufferPointer) {
        var name = name
        name.withUTF8 { append(UnsafeRawBufferPointer($0), value) }
    }

    public mutating func append(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
        append(part: name)
        append(part: value)
    }

    private mutating func append(part: UnsafeRawBufferPointer) {
        withUnsafeBytes(of: UInt32(part.count).bigEndian) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: part)
    }

    /// Lends each header's name and value, without a copy: valid within `body` only.
    public func forEachField<Failure: Error>(
        _ body: (_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) throws(Failure) -> Void
    ) throws(Failure) {
        try bytes.withUnsafeBufferPointer { (bytes: UnsafeBufferPointer<UInt8>) throws(Failure) in
            let bytes = UnsafeRawBufferPointer(bytes)
            var position = 0
            while let name = Self.take(bytes, &position), let value = Self.take(bytes, &position) {
                try body(name, value)
            }
        }
    }

    private static func take(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> UnsafeRawBufferPointer? {
        guard position + 4 <= bytes.count else { return nil }
        let count = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
        guard position + 4 + count <= bytes.count else { return nil }
        defer { position += 4 + count }
        return UnsafeRawBufferPointer(rebasing: bytes[position + 4..<position + 4 + count])
    }

    /// The headers as values of their own.
    public var fields: [EventHeader] {
        var fields: [EventHeader] = []
        forEachField { fields.append(EventHeader(String(decoding: $0, as: UTF8.self), Array($1))) }
        return fields
    }
}

extension HeaderBlock: ExpressibleByArrayLiteral {
    public init(arrayLiteral headers: EventHeader...) { self.init(headers) }
}
