using System.Diagnostics;
using System.Globalization;
using OrleansGeo.Primitives;
using OrleansGeo.Storage.RocksDb;
using Xunit;

namespace OrleansGeo.Tests.Conformance.Storage;

/// <summary>RocksDB under a real process that really dies.</summary>
public sealed class RocksDbProcessTests : IDisposable
{
    private readonly Scratch _scratch = new();

    private string Folder => Path.Combine(_scratch.Root, "db");

    public void Dispose() => _scratch.Dispose();

    [Fact]
    public async Task Kill_9_loses_no_acknowledged_batch_and_tears_none()
    {
        var prng = new Prng(9);
        long last = 0;
        for (var round = 0; round < 5; round++)
        {
            var acknowledged = await RunAndKillAsync(acknowledgements: 1 + prng.Below(400));
            using var engine = StorageChild.Open(Folder);
            var recovered = StorageChild.CheckedLast(engine);
            Assert.True(recovered >= acknowledged, $"{acknowledged} was acknowledged, {recovered} is there");
            Assert.True(recovered > last);
            last = recovered;
        }
    }

    [Fact]
    public async Task The_folder_is_free_after_kill_9_and_not_before()
    {
        using var child = StorageChild.Start(StorageChild.UntilKilled, Folder);
        Assert.NotNull(await child.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        var refusal = Assert.Throws<OrleansGeo.Storage.StorageUnavailableException>(() => RocksDbEngine.Open(Folder));
        Assert.Contains("in use by another node", refusal.Message, StringComparison.Ordinal);
        await KillAsync(child);
        RocksDbEngine.Open(Folder).Dispose();
    }

    [Fact]
    public async Task A_disk_that_fills_up_in_the_middle_of_a_batch_loses_no_acknowledged_batch()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "needs a shell whose ulimit -f counts in 512 bytes");
        using var child = StorageChild.Start(StorageChild.UntilFull, Folder, fileKibMax: 300);
        var lines = (await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).Split('\n');
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);

        Assert.Equal(0, child.ExitCode);
        Assert.Equal(StorageChild.Failed, lines[^2]);
        using var engine = StorageChild.Open(Folder);
        Assert.True(StorageChild.CheckedLast(engine, long.MaxValue) >= long.Parse(lines[^3], CultureInfo.InvariantCulture));
    }

    private async Task<long> RunAndKillAsync(int acknowledgements)
    {
        using var child = StorageChild.Start(StorageChild.UntilKilled, Folder);
        long last = 0;
        for (var i = 0; i < acknowledgements; i++)
        {
            last = Parse(await child.StandardOutput.ReadLineAsync(TestContext.Current.CancellationToken));
        }

        await KillAsync(child);
        // What was printed before the kill and not read yet was acknowledged too. The last line may be torn.
        var rest = (await child.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).Split('\n');
        return rest.Length > 1 ? Parse(rest[^2]) : last;
    }

    private static long Parse(string? line) => long.Parse(line ?? "the child died early", CultureInfo.InvariantCulture);

    private static async Task KillAsync(Process child)
    {
        child.Kill();
        await child.WaitForExitAsync(TestContext.Current.CancellationToken);
    }
}
