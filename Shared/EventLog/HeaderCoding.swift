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
        bytes.withUnsafeBytes { bytes in
            var headers: [EventHeader] = []
            headers.reserveCapacity(12)
            var position = 0
            while let name = take(bytes, &position), let value = take(bytes, &position) {
                headers.append(EventHeader(String(decoding: name, as: UTF8.self), [UInt8](value)))
            }
            return headers
        }
    }

    private static func take(_ bytes: UnsafeRawBufferPointer, _ position: inout Int) -> UnsafeRawBufferPointer? {
        guard position + 4 <= bytes.count else { return nil }
        let count = Int(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
        guard position + 4 + count <= bytes.count else { return nil }
        defer { position += 4 + count }
        return UnsafeRawBufferPointer(rebasing: bytes[position + 4..<position + 4 + count])
    }
}
