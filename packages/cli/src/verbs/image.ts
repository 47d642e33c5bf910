export const image = async (): Promise<number> => 1;
