import Foundation
import HTTP
import Testing

@Suite struct ForwardingTests {
    @Test func requestsGoOnWithoutWhatBelongsToTheConnectionOrTheGateway() async throws {
        let log = Log()
        let server = try ScriptedServer { connection in
            while let request = connection.request() {
                log.add(request)
                connection.answer(
                    "ok", headers: "Connection: X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nETag: \"3\"\r\nDate: never\r\n")
            }
        }
        try await withClient { client in
            let request = HTTPRequest(
                .post, "/v1/leads/a%2Fb/../x?q=%E5%BC%A0&a+b&&=#",
                headers: [
                    "Host": "crm.example.com", "Connection": "X-Private, keep-alive", "X-Private": "1",
                    "guanxi-identity": "forged", "Authorization": "Bearer t", "TE": "trailers", "Accept": "a, b",
                    "Content-Type": "text/plain",
                ], body: .text("hello"), id: "request-7")
            let answer = try await client.forward(
                request,
                Forwarding(
                    base: server.url, removes: { ["guanxi-identity", "authorization"].contains($0.lowercased()) },
                    setting: ["Guanxi-Identity": "proven"]))
            #expect(answer.status == 200)
            #expect(answer.headers == ["ETag": "\"3\""])
            #expect(try await answer.body.collect(upTo: 2) == Array("ok".utf8))
        }
        let lines = try #require(log.all.first).components(separatedBy: "\r\n")
        #expect(lines[0] == "POST /v1/leads/a%2Fb/../x?q=%E5%BC%A0&a+b&&=# HTTP/1.1")
        #expect(
            Set(lines[1..<(lines.count - 2)]) == [
                "Host: 127.0.0.1:\(server.port)", "Accept: a, b", "Content-Type: text/plain", "X-Request-Id: request-7",
                "Guanxi-Identity: proven", "Content-Length: 5", "User-Agent: Guanxi",
            ])
        #expect(lines.last == "hello")
    }
}
