import Runtime
import Testing

@Suite struct FIFOTests {
    @Test func givesBackInOrderHoweverItIsFilledAndTaken() {
        var queue = FIFO<Int>()
        var (next, seen) = (0, [Int]())
        for turn in 0..<3000 {
            for _ in 0..<(turn % 7) {
                queue.append(next)
                next += 1
            }
            if turn % 3 == 0 {
                seen += queue.popFirst(turn % 11)
            } else if let item = queue.popFirst() {
                seen.append(item)
            }
            #expect(queue.count == next - seen.count)
        }
        seen += queue.popFirst(.max)
        #expect(seen == Array(0..<next) && queue.isEmpty && queue.popFirst() == nil && queue.popFirst(5).isEmpty)
    }

    @Test func whatWasTakenIsNotKept() {
        final class Thing: Sendable {}
        var queue = FIFO<Thing>()
        weak var first: Thing?
        weak var second: Thing?
        do {
            let things = [Thing(), Thing(), Thing()]
            (first, second) = (things[0], things[1])
            for thing in things { queue.append(thing) }
        }
        _ = queue.popFirst()
        _ = queue.popFirst(1)
        #expect(first == nil && second == nil && queue.count == 1)
        queue.removeAll()
        #expect(queue.isEmpty)
    }
}
