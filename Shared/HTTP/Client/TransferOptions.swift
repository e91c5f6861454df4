import CCurl
import Glibc
import Runtime

extension ClientLoop {
    /// A handle with everything set that is the same for all requests: libcurl copies each text and checks it.
    func makeHandle() -> UnsafeMutableRawPointer? {
        guard let easy = curl_easy_init() else { return nil }
        ccurl_set_long(easy, CURLOPT_NOSIGNAL, 1)
        ccurl_set_string(easy, CURLOPT_PROTOCOLS_STR, "http,https")
        ccurl_set_long(easy, CURLOPT_FOLLOWLOCATION, 0)
        ccurl_set_string(easy, CURLOPT_PROXY, "")
        ccurl_set_string(easy, CURLOPT_NOPROXY, "*")
        ccurl_set_long(easy, CURLOPT_PATH_AS_IS, 1)
        ccurl_set_string(easy, CURLOPT_USERAGENT, options.userAgent)
        ccurl_set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, options.connectTimeout.milliseconds)
        ccurl_set_long(easy, CURLOPT_LOW_SPEED_LIMIT, 1)
        ccurl_set_long(easy, CURLOPT_LOW_SPEED_TIME, max(1, Int(options.idleTimeout.components.seconds)))
        ccurl_set_long(easy, CURLOPT_MAXAGE_CONN, max(1, Int(options.keepAlive.components.seconds)))
        ccurl_set_data_callback(easy, CURLOPT_WRITEFUNCTION) { data, size, count, context in
            Transfer.from(context).receive(UnsafeRawBufferPointer(start: data, count: size * count))
        }
        ccurl_set_data_callback(easy, CURLOPT_HEADERFUNCTION) { data, size, count, context in
            Transfer.from(context).receiveHeader(UnsafeRawBufferPointer(start: data, count: size * count))
            return size * count
        }
        ccurl_set_close_socket(
            easy, { ClientLoop.from($0).sockets.close($1) }, Unmanaged.passUnretained(self).toOpaque())
        return easy
    }
}

extension Transfer {
    /// Sets on a handle of ``ClientLoop/makeHandle()``, fresh or used, all that differs between transfers.
    func prepare(_ easy: UnsafeMutableRawPointer) throws(HTTPClientError) {
        try checkText()
        attach(easy)
        setReceiver(easy)
        setMethod(easy)
        let code = ccurl_set_string(easy, CURLOPT_URL, request.url)
        guard code == CURLE_OK else {
            detach()
            throw HTTPClientError(code, url: request.url)
        }
        ccurl_set_string(easy, CURLOPT_REQUEST_TARGET, request.target)
        if let addresses { addressList = curl_slist_append(nil, addresses) }
        ccurl_set_list(easy, CURLOPT_RESOLVE, addressList)
        makeHeaders()
        ccurl_set_list(easy, CURLOPT_HTTPHEADER, headerList)
    }

    /// Nothing that ends a line may reach the wire.
    private func checkText() throws(HTTPClientError) {
        let target = request.target ?? "/"
        guard request.url.hasNoControls, target.hasNoControls, !target.utf8.contains(0x20),
            target.utf8.first == UInt8(ascii: "/")
        else { throw HTTPClientError(.invalidRequest, "the URL or target has controls or spaces") }
        guard HTTPHeaders.hasPrefix(request.url, "http://") || HTTPHeaders.hasPrefix(request.url, "https://") else {
            throw HTTPClientError(.invalidRequest, "the URL must begin with http:// or https://")
        }
        for field in request.headers.fields
        where !field.value.hasNoControls || field.name.isEmpty || !field.name.utf8.allSatisfy(Byte.isToken) {
            throw HTTPClientError(.invalidRequest, "the header \(field.name.debugDescription) cannot be sent")
        }
    }

    private func setReceiver(_ easy: UnsafeMutableRawPointer) {
        // Unretained: the engine keeps the transfer until libcurl has let go of the handle, and itself beyond that.
        let this = Unmanaged.passUnretained(self).toOpaque()
        ccurl_set_pointer(easy, CURLOPT_WRITEDATA, this)
        ccurl_set_pointer(easy, CURLOPT_HEADERDATA, this)
        ccurl_set_open_socket(easy, { Transfer.from($0).openSocket($2) }, this)
    }

    private func openSocket(_ address: UnsafeMutablePointer<curl_sockaddr>?) -> curl_socket_t {
        guard let address else { return CURL_SOCKET_BAD }
        if engine.options.forbidsPrivateAddresses, ccurl_is_public_address(address) == 0 {
            isForbidden = true
            return CURL_SOCKET_BAD
        }
        let type = address.pointee.socktype | Int32(SOCK_CLOEXEC.rawValue)
        let descriptor = socket(address.pointee.family, type, address.pointee.protocol)
        if descriptor >= 0 { engine.sockets.opened(descriptor) }
        return descriptor
    }

    private func setMethod(_ easy: UnsafeMutableRawPointer) {
        ccurl_set_string(easy, CURLOPT_CUSTOMREQUEST, request.method.rawValue)
        // In this order: each of the two changes what libcurl thinks is the method.
        ccurl_set_long(easy, CURLOPT_UPLOAD, upload.length == 0 ? 0 : 1)
        ccurl_set_long(easy, CURLOPT_NOBODY, request.method == .head ? 1 : 0)
        // libcurl sends a request again when a reused connection proves dead; it cannot know that this one has effects.
        // (One with a body cannot be sent again without the seek function.)
        ccurl_set_long(
            easy, CURLOPT_FRESH_CONNECT, upload.length == 0 && !request.isRepeatable ? 1 : 0)
        ccurl_set_offset(easy, CURLOPT_INFILESIZE_LARGE, curl_off_t(upload.length ?? -1))
        ccurl_set_seek(easy, nil)
        guard upload.length != 0 else { return }
        let this = Unmanaged.passUnretained(self).toOpaque()
        ccurl_set_data_callback(easy, CURLOPT_READFUNCTION) { data, size, count, context in
            let transfer = Transfer.from(context)
            return transfer.upload.read(
                into: UnsafeMutableRawBufferPointer(start: data, count: size * count), of: transfer)
        }
        ccurl_set_pointer(easy, CURLOPT_READDATA, this)
        guard request.isRepeatable, upload.canRewind else { return }
        ccurl_set_seek(easy) { context, offset, origin in
            guard offset == 0, origin == SEEK_SET, Transfer.from(context).upload.rewind() else {
                return CURL_SEEKFUNC_CANTSEEK
            }
            return CURL_SEEKFUNC_OK
        }
        ccurl_set_pointer(easy, CURLOPT_SEEKDATA, this)
    }

    private func makeHeaders() {
        // A name with a colon and no value removes what libcurl would add by itself.
        add("Expect:")
        if !request.headers.contains("Accept") { add("Accept:") }
        if upload.length == 0, [.post, .put, .patch].contains(request.method) { add("Content-Length: 0") }
        for field in request.headers.fields
        where !Self.framing.contains(where: { HTTPHeaders.same($0, field.name) }) {
            add(field.value.isEmpty ? "\(field.name);" : "\(field.name): \(field.value)")
        }
    }

    /// libcurl's to set.
    private static let framing = ["Content-Length", "Transfer-Encoding", "Connection", "Expect"]

    private func add(_ line: String) { headerList = curl_slist_append(headerList, line) }
}

extension Duration {
    /// The next whole millisecond: libcurl takes 0 for no limit.
    fileprivate var milliseconds: Int {
        let (seconds, attoseconds) = components
        return Int(clamping: min(seconds, 1 << 31) * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
    }
}

extension String {
    /// No control characters but tabs. All bytes are looked at, without a branch: the processor takes many at a time.
    fileprivate var hasNoControls: Bool {
        var text = self
        return text.withUTF8 { bytes in
            var controls: UInt8 = 0
            for byte in bytes { controls |= (byte < 0x20 && byte != 0x09) || byte == 0x7F ? 1 : 0 }
            return controls == 0
        }
    }
}
