using System.Threading.Channels;
using Orleans;
using Orleans.Runtime;
using OrleansGeo.Clustering;

namespace OrleansGeo.Tests.Orleans.Clustering;

/// <summary>A silo's membership table until the silo is killed. What it writes then goes nowhere, and it reads what it read last.</summary>
internal sealed class KillableTable(MajorityMembershipTable table) : IMembershipTable
{
    private readonly Channel<Exception> _failures = Channel.CreateUnbounded<Exception>();
    private volatile MembershipTableData? _last;
    private volatile bool _isKilled;

    public void Kill() => _isKilled = true;

    /// <summary>Waits until so many further calls failed, each for want of a majority.</summary>
    public async Task FailuresAsync(int count, CancellationToken cancellation)
    {
        for (var i = 0; i < count; i++)
        {
            Assert.IsType<MembershipUnavailableException>(await _failures.Reader.ReadAsync(cancellation));
        }
    }

    public Task InitializeMembershipTable(bool tryInitTableVersion) => table.InitializeMembershipTable(tryInitTableVersion);

    public Task DeleteMembershipTableEntries(string clusterId) => ChangeAsync(() => table.DeleteMembershipTableEntries(clusterId));

    public Task CleanupDefunctSiloEntries(DateTimeOffset beforeDate) => ChangeAsync(() => table.CleanupDefunctSiloEntries(beforeDate));

    public Task<MembershipTableData> ReadRow(SiloAddress key) => table.ReadRow(key);

    public async Task<MembershipTableData> ReadAll()
    {
        if (_isKilled && _last is { } last)
        {
            return last;
        }

        return _last = await CountedAsync(table.ReadAll);
    }

    public Task<bool> InsertRow(MembershipEntry entry, TableVersion tableVersion) =>
        _isKilled ? Task.FromResult(true) : CountedAsync(() => table.InsertRow(entry, tableVersion));

    public Task<bool> UpdateRow(MembershipEntry entry, string etag, TableVersion tableVersion) =>
        _isKilled ? Task.FromResult(true) : CountedAsync(() => table.UpdateRow(entry, etag, tableVersion));

    public Task UpdateIAmAlive(MembershipEntry entry) => ChangeAsync(() => table.UpdateIAmAlive(entry));

    private Task ChangeAsync(Func<Task> change) => _isKilled ? Task.CompletedTask : CountedAsync(async () =>
    {
        await change();
        return true;
    });

    private async Task<T> CountedAsync<T>(Func<Task<T>> call)
    {
        try
        {
            return await call();
        }
        catch (Exception failure)
        {
            _failures.Writer.TryWrite(failure);
            throw;
        }
    }
}
