export const kubectl = async (): Promise<number> => 1;
