/// What waits to run on a loop: its own queue, touched by the loop's thread only.
final class LocalQueue {
    private var items = FIFO<EventLoop.Item>()

    var isEmpty: Bool { items.isEmpty }

    func append(_ item: EventLoop.Item) { items.append(item) }

    func pop() -> EventLoop.Item? { items.popFirst() }
}
