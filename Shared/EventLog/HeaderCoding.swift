/// Headers as one field of a table: of each the length of the name, the name, the length of the value, the value.
public enum HeaderCoding {
    static func encode(_ headers: [EventHeader]) -> [UInt8] {
        var bytes: [UInt8] = []
        for header in headers {
            append(Array(header.name.utf8), to: &bytes)
            append(header.value, to: &bytes)
        }
        return bytes
    }

    private static func append(_ part: [UInt8], to bytes: inout [UInt8]) {
        withUnsafeBytes(of: UInt32(part.count).bigEndian) { bytes.append(contentsOf: $0) }
        bytes += part
    }

    /// What ``encode(_:)`` made; bytes cut off at the end are left out.
    public static func decode(_ bytes: [UInt8]) -> [EventHeader] {
        var headers: [EventHeader] = []
        var rest = bytes[...]
        while let name = take(&rest), let value = take(&rest) {
            headers.append(EventHeader(String(decoding: name, as: UTF8.self), Array(value)))
        }
        return headers
    }

    private static func take(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard rest.count >= 4 else { return nil }
        let count = Int(rest.prefix(4).reduce(UInt32(0)) { $0 << 8 | UInt32($1) })
        guard rest.count >= 4 + count else { return nil }
        let part = rest.dropFirst(4).prefix(count)
        rest = rest.dropFirst(4 + count)
        return part
    }
}
