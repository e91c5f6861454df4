import HTTP
import JSON
import Testing

@Suite struct ProblemTests {
    @Test func problemsSpeakTheCallersLanguage() async throws {
        let problem = Problem.validation([
            FieldError("/amount", code: "range", .init(en: "Not negative.", zh: "不能为负。"))
        ])
        let response = problem.response(language: .chinese, requestID: "r-1")
        #expect(response.status == 422)
        #expect(response.headers["Content-Type"] == "application/problem+json")
        #expect(
            try JSON.parse(await response.body.collect(upTo: 9999)) == [
                "type": "/docs/errors#validationFailed", "title": "部分内容未通过校验", "status": 422,
                "detail": "请修正 errors 中列出的字段。", "code": "validationFailed",
                "errors": [["path": "/amount", "code": "range", "message": "不能为负。"]], "requestId": "r-1",
            ])
    }

    @Test(arguments: [
        (nil, Language.english), ("zh-CN,zh;q=0.9,en;q=0.8", .chinese), ("en-GB, zh;q=0.5", .english),
        ("fr, zh;q=0.1", .chinese), ("zh;q=0, *;q=0.1", .english), ("de", .english), ("en;q=0.3,ZH-hans", .chinese),
    ])
    func languageIsNegotiated(header: String?, language: Language) {
        #expect(Language(acceptLanguage: header) == language)
    }

    @Test func codesAreUnique() {
        #expect(Set(ProblemType.common.map(\.code)).count == ProblemType.common.count)
    }
}
