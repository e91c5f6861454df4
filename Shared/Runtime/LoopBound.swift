/// State that is not Sendable but may be referred to from anywhere, because every access checks that it is on its
/// loop's thread.
public final class LoopBound<Value>: @unchecked Sendable {
    // @unchecked: `stored` is touched only on the loop's thread, which each access checks. It is released by whoever
    // drops the last reference, when no access can happen any more.
    public let loop: EventLoop
    private var stored: Value

    /// - Parameter value: made by the caller and given away; the caller keeps no other reference.
    public init(_ value: sending Value, on loop: EventLoop) {
        self.loop = loop
        stored = value
    }

    /// Stops the program when touched on another thread than the loop's.
    public var value: Value {
        get {
            loop.preconditionOnLoop()
            return stored
        }
        set {
            loop.preconditionOnLoop()
            stored = newValue
        }
    }

    /// Changes the value in place.
    public func withValue<Result>(_ body: (inout Value) throws -> Result) rethrows -> Result {
        loop.preconditionOnLoop()
        return try body(&stored)
    }
}
