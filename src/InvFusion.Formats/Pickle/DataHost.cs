namespace InvFusion.Formats.Pickle;

/// <summary>Knows no object: a pickle of plain data and of objects that stay <see cref="PickleObject"/>.</summary>
internal sealed class DataHost(string source) : PickleHost
{
    public override object? LoadPersistent(object? id) =>
        throw new DataFormatException($"{source}: refers to something outside of its pickle");

    public override object? Call(PickleGlobal function, object?[] arguments) => null;
}
