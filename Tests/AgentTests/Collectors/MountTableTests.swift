import Testing

@testable import Agent

@Suite struct MountTableTests {
    private let host = """
        22 27 0:21 / /proc rw,relatime shared:1 - proc proc rw
        23 27 0:22 / /sys rw,relatime - sysfs sysfs rw
        24 27 0:6 / /dev rw - devtmpfs devtmpfs rw,size=12334460k
        27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard
        28 27 254:1 / /srv/big\\040disk rw master:2 - xfs /dev/vdb rw
        29 27 254:1 /part /mnt/part rw - xfs /dev/vdb rw
        30 27 0:40 / /srv/nfs rw - nfs4 server:/export rw
        31 27 7:1 / /snap/core ro - squashfs /dev/loop1 ro
        32 27 0:41 / /run rw - tmpfs tmpfs rw
        33 27 0:42 / /home/u/ssh rw - fuse.sshfs u@h: rw
        34 27 254:2 / /old rw - ext4 /dev/vdc rw
        35 27 254:3 / /old rw - ext4 /dev/vdd rw
        36 27 0:50 /@ /btrfs rw - btrfs /dev/vde rw,subvol=/@
        37 27 0:50 /@home /btrfs/home rw - btrfs /dev/vde rw,subvol=/@home
        38 27 0:51 / /tank rw - zfs tank rw
        """

    @Test func `real local file systems are found, each once`() {
        let table = MountTable(mountinfo: host)
        #expect(table.localDisks == ["/", "/btrfs", "/old", "/srv/big disk", "/tank"])
        #expect(table.mounts.filter { $0.mountPoint == "/old" }.map(\.source) == ["/dev/vdd"])
    }

    @Test func `a container has its overlay and its volumes, not its bind-mounted files`() {
        let table = MountTable(
            mountinfo: """
                500 400 0:90 / / rw - overlay overlay rw,lowerdir=/a,upperdir=/b
                501 500 8:1 /var/lib/docker/containers/x/hosts /etc/hosts rw - ext4 /dev/sda1 rw
                502 500 8:1 /var/lib/docker/containers/x/hostname /etc/hostname rw - ext4 /dev/sda1 rw
                503 500 8:2 / /data rw - ext4 /dev/sdb rw
                504 500 0:91 / /other rw - overlay overlay rw
                """
        )
        #expect(table.localDisks == ["/", "/data"])
    }

    @Test func `a path is found on its mount`() {
        let table = MountTable(mountinfo: host)
        #expect(table.mount(of: "/srv/nfs/a/b")?.fileSystem == "nfs4")
        #expect(table.mount(of: "/srv/nfsx")?.mountPoint == "/")
        #expect(table.mount(of: "/srv/big disk")?.fileSystem == "xfs")
        #expect(MountTable(mountinfo: "").mount(of: "/") == nil)
    }

    @Test(arguments: [
        ("/", false), ("/srv/nfs", true), ("/home/u/ssh", true), ("/run", false), ("/tank", false),
    ])
    func `file systems of servers and programs may hang`(_ path: String, _ expected: Bool) {
        #expect(MountTable(mountinfo: host).mount(of: path)?.mayHang == expected)
    }

    @Test(arguments: [
        "", "1 2 3", "27 1 254:0 / / rw relatime", "27 1 254:0 / / rw - ext4", "- - -",
    ])
    func `a line that is none is passed over`(_ line: String) {
        #expect(MountTable(mountinfo: line).mounts == [])
    }
}
