using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging.Abstractions;
using OrleansGeo.Clustering;
using OrleansGeo.Engine;
using OrleansGeo.Primitives;

namespace OrleansGeo.Silo;

/// <summary>
/// What is looked at before anything starts, so that what cannot work is one clear line and damages nothing. What passes here can still
/// fail later; then the process ends, and its supervisor starts it again.
/// </summary>
internal static class Preflight
{
    /// <summary>Looks at everything.</summary>
    /// <exception cref="SiloRefusedException">Something cannot be.</exception>
    /// <exception cref="MembershipUnavailableException">Too few of several membership databases answer; later they may.</exception>
    /// <exception cref="ControlUnavailableException">No database answers that could say which cluster this is; later one may.</exception>
    public static async Task<ClusterSeed> CheckAsync(SiloSettings settings, TimeProvider? time = null)
    {
        time ??= TimeProvider.System;
        var wrong = settings.Wrong().ToArray();
        if (wrong.Length > 0)
        {
            throw new SiloRefusedException(wrong);
        }

        settings.Security.Check(time.GetUtcNow());
        var databases = ClusterDatabases.All(settings.Clustering);
        await ClockCheck.CheckAsync(databases, time);
        var cluster = await ControlDatabases.ReadAsync(settings.ClusterFile, databases);
        var seed = cluster.ToSeed();
        CheckLabels(settings, seed);
        foreach (var (option, address, port) in new[]
        {
            ("--silo-port", settings.Address, settings.SiloPort), ("--gateway-port", settings.Address, settings.GatewayPort),
            ("--http-port", settings.HttpAddress, settings.HttpPort),
        })
        {
            CheckPort(option, IPAddress.Parse(address), port);
        }

        CheckData(settings, seed);
        switch (settings.Clustering)
        {
            case []:
                break;
            case [var connectionString]:
                await ClusterDatabases.CheckOneAsync(connectionString);
                break;
            case var several:
                await CheckMajorityAsync(several, seed.ClusterId);
                break;
        }

        await GrainStorages.CheckAsync(settings.GrainStorage);
        return seed;
    }

    // The labels of a node that joined are in the cluster's records, and looked at when it starts.
    private static void CheckLabels(SiloSettings settings, ClusterSeed seed)
    {
        if (seed.Nodes.FirstOrDefault(node => node.Name == settings.Name) is not { } record)
        {
            return;
        }

        if (settings.Join)
        {
            throw new SiloRefusedException(
                $"Node {settings.Name} is a seed of cluster {seed.ClusterId}: it does not --join, it has --first-start.");
        }

        if (record.Region != settings.Region || record.Zone != settings.Zone)
        {
            throw new SiloRefusedException(
                $"Node {settings.Name} is in {record.Region}, {record.Zone} by the cluster file, "
                + $"not in {settings.Region}, {settings.Zone}.");
        }
    }

    private static void CheckPort(string option, IPAddress address, int port)
    {
        if (port == 0)
        {
            return;
        }

        using var socket = new Socket(address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(address, port));
        }
        catch (SocketException taken)
        {
            throw new SiloRefusedException($"{option} {port} on {address} cannot be used: {taken.SocketErrorCode}.");
        }
    }

    private static void CheckData(SiloSettings settings, ClusterSeed seed)
    {
        try
        {
            Directory.CreateDirectory(settings.Data!);
            var identity = EmbeddedData.ReadIdentityAt(settings.Data!, settings.Name!);
            var isSeed = seed.Nodes.Any(node => node.Name == settings.Name);
            if (identity is null && !isSeed && !settings.Join)
            {
                throw new SiloRefusedException(
                    $"Node {settings.Name} is not among the seeds of cluster {seed.ClusterId}, and its data directory {settings.Data} is "
                    + "empty. A new node of a running cluster is started with --join.");
            }

            if (identity is null && isSeed && !settings.FirstStart)
            {
                throw new SiloRefusedException(
                    $"The data directory {settings.Data} is empty. A node's very first start needs --first-start. A node that ran before "
                    + "must not: without its data it would forget its votes, and acknowledged writes could be lost.");
            }

            if (identity is not null && identity.ClusterId != seed.ClusterId)
            {
                throw new SiloRefusedException(
                    $"The data in {settings.Data} belongs to cluster {identity.ClusterId}, not to {seed.ClusterId} of the cluster file.");
            }
        }
        catch (Exception refused) when (EmbeddedData.IsRefusal(refused) || refused is IOException or UnauthorizedAccessException)
        {
            throw new SiloRefusedException($"The data directory {settings.Data} cannot be used: {refused.Message}");
        }
    }

    // With a majority of them a silo starts, whatever becomes of the others.
    private static async Task CheckMajorityAsync(IReadOnlyList<string> databases, string clusterId)
    {
        var options = ClusterDatabases.Options(databases);
        await using var register = MembershipRegister.Of(
            clusterId, options, TimeProvider.System, NullLogger<MembershipRegister>.Instance);
        await register.ReadAsync();
    }
}
