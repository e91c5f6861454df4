import Contracts
import Foundation
import Testing

@Suite struct PermissionTests {
    @Test func thePageIsTheMatrix() throws {
        let file = EventCatalogueTests.root.appending(path: "docs/permissions.md")
        let text = PermissionMatrix.markdown()
        if EventCatalogueTests.writes { try Data(text.utf8).write(to: file) }
        #expect(try String(contentsOf: file, encoding: .utf8) == text, "run the tests once with GUANXI_WRITE_DOCS=1")
    }

    @Test func everyPermissionIsNamedOnceAndSomebodyHasIt() {
        #expect(PermissionMatrix.all.count == PermissionMatrix.lines.count)
        #expect(
            PermissionMatrix.lines.allSatisfy { !$0.roles.isEmpty && $0.roles.contains(.admin) || $0.roles == [.admin] }
        )
    }

    @Test func salesSeesItsOwnAndManagesNobody() {
        #expect(PermissionMatrix.scope(of: .sales) == .own)
        #expect(!PermissionMatrix.allows(.sales, "users.write"))
        #expect(!PermissionMatrix.allows(.sales, "backdate"))
        #expect(PermissionMatrix.allows(.sales, "leads.convert"))
    }
}
