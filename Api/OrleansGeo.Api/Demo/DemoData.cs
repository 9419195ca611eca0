using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using OrleansGeo.Engine;

namespace OrleansGeo.Api.Demo;

/// <summary>Which cluster a demo's data is of.</summary>
/// <param name="ClusterId">Its id.</param>
/// <param name="TokenSecret">Its secret.</param>
public sealed record DemoIdentity(string ClusterId, ReadOnlyMemory<byte> TokenSecret)
{
    /// <summary>A new one.</summary>
    public static DemoIdentity New() =>
        new($"demo-{Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(6))}", RandomNumberGenerator.GetBytes(32));
}

/// <summary>
/// The folder of a demo that keeps its data: a folder for each node, and a marker that says what this is and whether every node was made.
/// Once all were, a node whose data is gone must not begin anew under its old id: it would have forgotten its votes (Raft §5.2).
/// </summary>
public sealed class DemoData(string folder)
{
    private const string MarkerName = "orleansgeo-demo";
    private const string Begun = "begun";
    private const string Complete = "complete";

    private string Marker => Path.Combine(folder, MarkerName);

    /// <summary>Reads who the data belongs to; an empty or missing folder begins a new cluster.</summary>
    /// <exception cref="DemoRefusedException">The folder holds something else, or only a part.</exception>
    public DemoIdentity Open(ImmutableArray<NodeRecord> nodes)
    {
        try
        {
            Claim();
            var identities = nodes.Select(node => (node.Name, Identity: EmbeddedData.ReadIdentity(folder, node))).ToArray();
            var missing = identities.Where(node => node.Identity is null).Select(node => node.Name).ToArray();
            if (missing.Length > 0 && File.ReadAllText(Marker) == Complete)
            {
                throw new DemoRefusedException(
                    $"The data of {string.Join(", ", missing)} is missing from {folder}: a node cannot come back without what it promised; "
                    + "restore it, or begin anew with an empty directory.");
            }

            return identities.FirstOrDefault(node => node.Identity is not null).Identity is { } found
                ? new(found.ClusterId, found.TokenSecret)
                : DemoIdentity.New();
        }
        catch (Exception refused) when (EmbeddedData.IsRefusal(refused))
        {
            throw new DemoRefusedException(refused.Message);
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            throw new DemoRefusedException($"The directory {folder} cannot be used: {refused.Message}");
        }
    }

    /// <summary>Records that every node was made; called once all of them run.</summary>
    public void Completed()
    {
        if (File.ReadAllText(Marker) != Complete)
        {
            WriteMarker(Complete);
        }
    }

    private void Claim()
    {
        if (File.Exists(folder))
        {
            throw new DemoRefusedException($"{folder} is a file: --data names a directory.");
        }

        if (File.Exists(Marker))
        {
            return;
        }

        if (Directory.Exists(folder) && Directory.EnumerateFileSystemEntries(folder).Any())
        {
            throw new DemoRefusedException(
                $"The directory {folder} holds something that is no data of this demo: give an empty one, or none that exists.");
        }

        Directory.CreateDirectory(folder);
        WriteMarker(Begun);
    }

    // Written beside and renamed, so that no crash leaves half a marker.
    private void WriteMarker(string text)
    {
        var beside = Marker + ".new";
        using (var file = new FileStream(beside, FileMode.Create, FileAccess.Write))
        {
            file.Write(Encoding.UTF8.GetBytes(text));
            file.Flush(flushToDisk: true);
        }

        File.Move(beside, Marker, overwrite: true);
    }
}
