import Runtime
import Testing

@Test func workRunsOnTheLoopInOrder() async {
    let loop = EventLoop(name: "test")
    let onLoop = await Task(executorPreference: loop) { loop.isCurrent && EventLoop.current === loop }.value
    #expect(onLoop)
    #expect(!loop.isCurrent)
    await loop.shutdown()
}
