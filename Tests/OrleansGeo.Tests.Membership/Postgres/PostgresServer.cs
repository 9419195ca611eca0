using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Xunit;

namespace OrleansGeo.Tests.Membership.Postgres;

/// <summary>
/// One real PostgreSQL server on loopback with its data in a temporary folder. It refuses to run as root, so as root it runs as the user
/// 'postgres' or 'nobody'.
/// </summary>
internal sealed class PostgresServer : IDisposable
{
    private static readonly string[] s_folders =
        [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'), .. InstalledVersions()];

    private readonly string _root;
    private readonly List<string> _as;
    private readonly PostgresPlace _place;

    private PostgresServer(string root, List<string> asUser, PostgresPlace place)
    {
        (_root, _as, _place) = (root, asUser, place);
        Data = Path.Combine(root, "data");
        Port = FreePort();
    }

    public string Data { get; }

    public bool IsRunning => Processes().Count > 0;

    public int Port { get; }

    // Without Unix sockets, whose lock files outlive a server that was killed.
    private string Settings =>
        $"-p {Port} -c listen_addresses={_place.Listens} -c unix_socket_directories= -c shared_buffers=16MB -c max_connections=60";

    public string ConnectionString =>
        $"Host={_place.Address};Port={Port.ToString(CultureInfo.InvariantCulture)};Username=postgres;Database=postgres";

    /// <summary>Why there are no servers here, or null when there are. They are real, and their time limits count real seconds.</summary>
    public static string? Missing =>
        Environment.GetEnvironmentVariable("GEO_POSTGRES") != "1" ? "real PostgreSQL servers are started with GEO_POSTGRES=1 only"
        : !OperatingSystem.IsLinux() ? "PostgreSQL servers are started on Linux only"
        : Binary("initdb") is null || Binary("postgres") is null ? "a PostgreSQL server (initdb, postgres) is not installed"
        : AsUser() is null ? "PostgreSQL refuses root, and there is neither a user 'postgres' nor 'nobody' to run it as"
        : null;

    /// <summary>Makes a server's data and starts it.</summary>
    public static PostgresServer Start(PostgresPlace? place = null)
    {
        var root = Directory.CreateTempSubdirectory("geo-pg-").FullName;
        var asUser = AsUser()!;
        if (asUser.Count > 0)
        {
            Posix.Run(["chown", asUser[^1], root]);
        }

        place ??= new("127.0.0.1", "127.0.0.1", "127.0.0.1/32", []);
        var server = new PostgresServer(root, asUser.Count > 0 ? ["setpriv", .. asUser[..^1]] : [], place);
        server.Do([Binary("initdb")!, "-D", server.Data, "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C"]);
        File.AppendAllText(Path.Combine(server.Data, "pg_hba.conf"), $"host all all {place.Clients} trust\n");
        server.Launch();
        return server;
    }

    /// <summary>Starts it again.</summary>
    public void Launch()
    {
        var log = Path.Combine(_root, "log");
        try
        {
            Do([Binary("pg_ctl")!, "-D", Data, "-w", "-t", "60", "-l", log, "-o", Settings, "start"]);
        }
        catch (InvalidOperationException failure)
        {
            throw new InvalidOperationException($"{failure.Message}\n{string.Join('\n', File.ReadLines(log).TakeLast(10))}", failure);
        }
    }

    /// <summary>Ends every process of it at once, as a lost machine does.</summary>
    public void Kill()
    {
        foreach (var process in Processes())
        {
            Posix.Signal(process, "KILL", mayFail: true);
        }

        while (Processes().Count > 0)
        {
            Thread.Yield();
        }

        File.Delete(Path.Combine(Data, "postmaster.pid"));
    }

    /// <summary>Stops it in good order.</summary>
    public void Stop() => Do([Binary("pg_ctl")!, "-D", Data, "-m", "fast", "-w", "stop"]);

    /// <summary>Every process of it stands still: connections stay open and nothing answers.</summary>
    public void Pause() => Processes().ForEach(process => Posix.Signal(process, "STOP", mayFail: true));

    /// <summary>It goes on.</summary>
    public void Resume() => Processes().ForEach(process => Posix.Signal(process, "CONT", mayFail: true));

    /// <summary>Copies its files while it does not run.</summary>
    public string BackUp()
    {
        var to = Path.Combine(_root, "backup-" + Guid.NewGuid().ToString("N"));
        Posix.Run(["cp", "-a", Data, to]);
        return to;
    }

    /// <summary>Puts back what was copied, in place of what is there.</summary>
    public void Restore(string backup)
    {
        Directory.Delete(Data, true);
        Posix.Run(["cp", "-a", backup, Data]);
    }

    public void Dispose()
    {
        Processes().ForEach(process => Posix.Signal(process, "KILL", mayFail: true));
        Directory.Delete(_root, true);
    }

    // The server and its children work in its folder, and nothing else does.
    private List<int> Processes()
    {
        var found = new List<int>();
        foreach (var folder in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(folder), NumberStyles.None, CultureInfo.InvariantCulture, out var id) && WorksInData(folder))
            {
                found.Add(id);
            }
        }

        return found;
    }

    private bool WorksInData(string folder)
    {
        try
        {
            return new FileInfo(Path.Combine(folder, "cwd")).LinkTarget == Data;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void Do(IEnumerable<string> command) => Posix.Run([.. _place.Inside, .. _as, .. command]);

    // The arguments of setpriv and, last, the user's name; nothing when this user is not root.
    private static List<string>? AsUser()
    {
        if (Environment.UserName != "root")
        {
            return [];
        }

        var users = File.ReadLines("/etc/passwd").Select(line => line.Split(':')[0]).ToHashSet();
        var user = users.Contains("postgres") ? "postgres" : users.Contains("nobody") ? "nobody" : null;
        return user is null ? null : [$"--reuid={user}", "--clear-groups", user];
    }

    private static string? Binary(string name) => s_folders.Select(folder => Path.Combine(folder, name)).FirstOrDefault(File.Exists);

    private static IEnumerable<string> InstalledVersions() =>
        Directory.Exists("/usr/lib/postgresql")
            ? Directory.EnumerateDirectories("/usr/lib/postgresql").Select(folder => Path.Combine(folder, "bin"))
            : [];

    // Below the ports that connections get for themselves: one of those could be taken while the server is down.
    private static int FreePort()
    {
        while (true)
        {
            var port = Random.Shared.Next(15_000, 32_000);
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
            try
            {
                socket.Bind(new IPEndPoint(IPAddress.Loopback, port));
                return port;
            }
            catch (SocketException)
            {
                continue;
            }
        }
    }
}

/// <summary>Where a server is: its address, what it listens on, who may connect to it, and the words that run a command there.</summary>
internal sealed record PostgresPlace(string Address, string Listens, string Clients, IReadOnlyList<string> Inside);

/// <summary>The tests that share three servers, one at a time.</summary>
[CollectionDefinition(Name)]
public sealed class PostgresServers : ICollectionFixture<PostgresFixture>
{
    public const string Name = "PostgreSQL servers";
}

/// <summary>Three servers; each test founds a register of its own on them.</summary>
public sealed class PostgresFixture : IDisposable
{
    private readonly List<PostgresServer> _servers = [];

    internal IReadOnlyList<PostgresServer> Servers
    {
        get
        {
            Assert.SkipWhen(PostgresServer.Missing is not null, PostgresServer.Missing ?? "");
            while (_servers.Count < 3)
            {
                _servers.Add(PostgresServer.Start());
            }

            return _servers;
        }
    }

    public void Dispose() => _servers.ForEach(server => server.Dispose());
}
