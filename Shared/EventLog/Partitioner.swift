/// Kafka's choice of a key's partition (murmur2), so that both logs put a key into the same one.
enum Partitioner {
    static func partition(of key: String, count: Int) -> Int {
        Int(murmur2(Array(key.utf8)) & 0x7fff_ffff) % count
    }

    static func murmur2(_ data: [UInt8]) -> UInt32 {
        let m: UInt32 = 0x5bd1_e995
        var h: UInt32 = 0x9747_b28c ^ UInt32(truncatingIfNeeded: data.count)
        var index = 0
        while index + 4 <= data.count {
            var k =
                UInt32(data[index]) | UInt32(data[index + 1]) << 8 | UInt32(data[index + 2]) << 16
                | UInt32(data[index + 3]) << 24
            k = k &* m
            k ^= k >> 24
            h = (h &* m) ^ (k &* m)
            index += 4
        }
        let tail = data[index...]
        if !tail.isEmpty {
            for (place, byte) in tail.enumerated() { h ^= UInt32(byte) << UInt32(8 * place) }
            h = h &* m
        }
        h ^= h >> 13
        h = h &* m
        return h ^ (h >> 15)
    }
}
