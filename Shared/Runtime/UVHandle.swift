import CLibUV

/// The memory of one libuv handle, which must outlive its `uv_close` callback.
///
/// All but the initializer belongs on the handle's loop. Between ``own(_:)`` and the close callback the owner is
/// retained, so that callbacks may take it from `data` unretained.
package struct UVHandle<Raw>: ~Copyable {
    package let pointer: UnsafeMutablePointer<Raw>

    package init() {
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: MemoryLayout<Raw>.size, alignment: MemoryLayout<Raw>.alignment)
        memory.initializeMemory(as: UInt8.self, repeating: 0, count: MemoryLayout<Raw>.size)
        pointer = memory.bindMemory(to: Raw.self, capacity: 1)
    }

    package var base: UnsafeMutablePointer<uv_handle_t> {
        UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: uv_handle_t.self)
    }

    /// Retains the owner until the handle is closed; `uv_handle_t.data` points to it.
    package func own(_ owner: AnyObject) {
        uv_handle_set_data(base, Unmanaged.passRetained(owner).toOpaque())
    }

    /// The owner, in a callback of the handle.
    package static func owner<Owner: AnyObject>(_ handle: UnsafeMutablePointer<Raw>?, as type: Owner.Type) -> Owner? {
        guard let handle else { return nil }
        let base = UnsafeMutableRawPointer(handle).assumingMemoryBound(to: uv_handle_t.self)
        guard let data = uv_handle_get_data(base) else { return nil }
        return Unmanaged<Owner>.fromOpaque(data).takeUnretainedValue()
    }

    /// Frees memory that libuv never took over (its init function failed).
    package func discard() { UnsafeMutableRawPointer(pointer).deallocate() }

    /// Closes the handle; its owner and memory are released in libuv's close callback. Call it once.
    package func close() {
        uv_close(base) { handle in
            guard let handle else { return }
            if let data = uv_handle_get_data(handle) { Unmanaged<AnyObject>.fromOpaque(data).release() }
            UnsafeMutableRawPointer(handle).deallocate()
        }
    }
}
