using System.CommandLine;

namespace OrleansGeo.Silo;

/// <summary>Gives a membership database that lost its record, or was refused, a new one that follows from the others'.</summary>
internal static class ReadmitCommand
{
    /// <summary>The command with its options.</summary>
    public static Command Make()
    {
        var name = new Argument<string>("name") { Description = "the name of the database" };
        var file = new Option<string>("--cluster-file") { Description = "the cluster's file", Required = true };
        var clustering = RunCommand.Databases();
        var command = new Command("readmit", "takes a membership database in again that is new in its place, or was refused")
        {
            name, file, clustering,
        };
        command.SetAction((parsed, _) => ExitCodes.OfAsync(async () =>
        {
            var databases = ClusterDatabases.Several(parsed.GetValue(clustering) ?? []);
            var cluster = ClusterFile.Read(parsed.GetValue(file)!);
            await ClusterDatabases.ReadmitAsync(cluster.ClusterId, databases, parsed.GetValue(name)!);
            await ControlDatabases.WriteAsync(
                cluster, [.. ClusterDatabases.All(databases).Where(database => database.Name == parsed.GetValue(name))]);
            Console.WriteLine($"{parsed.GetValue(name)} takes part in the membership of cluster {cluster.ClusterId}");
        }));
        return command;
    }
}
