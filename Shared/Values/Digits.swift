/// Fixed-width decimal digits in ASCII bytes: what timestamps and dates are made of.
enum Digits {
    /// The number in `count` digits from `start`, or nil when one of them is no digit or is missing.
    static func read(_ bytes: UnsafeBufferPointer<UInt8>, _ start: Int, _ count: Int) -> Int? {
        guard start + count <= bytes.count else { return nil }
        var number = 0
        for index in start..<(start + count) {
            let digit = bytes[index] &- 48
            guard digit < 10 else { return nil }
            number = number * 10 + Int(digit)
        }
        return number
    }

    /// Writes `value` in exactly `count` digits at `start`.
    static func write(_ value: Int, _ count: Int, into bytes: UnsafeMutableBufferPointer<UInt8>, at start: Int) {
        var rest = value
        for index in stride(from: start + count - 1, through: start, by: -1) {
            bytes[index] = UInt8(48 + rest % 10)
            rest /= 10
        }
    }
}
